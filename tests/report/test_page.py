"""The report: one page that needs nothing else, and what it says is escaped and true."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from support import FILES, PLAN, SampleRepo, copied, make_repo

from orchestrator.report.chart import chart

NASTY = "<script>alert(1)</script> & | `x`"
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")


def with_a_nasty_batch(top: Path) -> SampleRepo:
    plan = PLAN.replace("title: Batch one", f'title: "{NASTY}"').replace(
        "          - path: tests/test_c.py\n",
        "          - path: tests/test_c.py\n"
        f'          - {{path: tests/conftest.py, manual: "{NASTY}"}}\n',
    )
    made = make_repo(top, {**FILES, "tests/conftest.py": ""}, plan=plan)
    assert made.run("next-batch", "--python", sys.executable).code == 0
    return made


@pytest.fixture
def landed(tmp_path: Path) -> SampleRepo:
    return copied(tmp_path / "repo", with_a_nasty_batch)


def test_fault_91_the_page_stands_alone_and_is_escaped(landed: SampleRepo) -> None:
    ended = landed.run("report")
    assert ended.code == 0, ended.err
    assert [Path(line).name for line in ended.out.splitlines()] == ["report.html", "report.md"]
    page = landed.read("reports/report.html")
    assert "<script" not in page
    assert "&lt;script&gt;alert(1)&lt;/script&gt; &amp; |" in page
    assert "src=" not in page
    assert "http" not in page.replace("http-equiv", "")
    assert "2 of 4 files" in page
    assert "files wait for somebody" in page
    assert page.count("<path") == 2
    assert "Time by step" in page


def test_the_markdown_says_the_same(landed: SampleRepo) -> None:
    text = landed.run("report", "--markdown").out
    assert "2 of 4 files done (50 %), 4 tests verified" in text
    assert "\\<script\\>alert(1)\\</script\\> \\& \\| \\`x\\`" in text
    assert "`tests/conftest.py` (first/two), manual:" in text
    assert not (landed.top / "reports/report.html").exists()


def test_history_tells_what_each_commit_brought(landed: SampleRepo) -> None:
    first = json.loads(landed.run("history", "--json").out)["landings"]
    assert [(one["batches"], one["done"]) for one in first] == [({"first/one": 2}, 2)]
    assert landed.run("undo", "first/one", "--python", sys.executable).code == 0
    second = json.loads(landed.run("history", "--json").out)["landings"]
    assert [one["done"] for one in second] == [2, 0]
    assert "first/one" in landed.run("history").out


def test_a_line_needs_two_points_and_something_to_do() -> None:
    assert chart([(0, 1)], 10) is None
    assert chart([(0, 0), (10, 5)], 0) is None
    made = chart([(0, 0), (10, 5), (20, 10)], 10)
    assert made is not None
    assert [dot.y for dot in made.dots] == sorted((dot.y for dot in made.dots), reverse=True)


@pytest.mark.skipif(CHROMIUM is None, reason="there is no Chromium here")
@pytest.mark.parametrize("width", [390, 1280])
def test_a_browser_shows_it_without_scrolling_sideways(
    landed: SampleRepo, tmp_path: Path, width: int
) -> None:
    assert landed.run("report").code == 0
    page = landed.read("reports/report.html")
    asks = "<script>document.title=document.documentElement.scrollWidth+'/'+innerWidth</script>"
    probe = tmp_path / "probe.html"
    probe.write_text(page.replace("</body>", f"{asks}</body>"), "utf-8")
    ended = subprocess.run(
        [
            str(CHROMIUM), "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic",
            "--no-first-run", "--disable-background-networking", "--disable-component-update",
            "--disable-sync", f"--user-data-dir={tmp_path / 'profile'}",
            f"--window-size={width},900", "--dump-dom", probe.as_uri(),
        ],
        capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    shown, seen = ended.stdout.partition("<title>")[2].partition("</title>")[0].split("/")
    assert int(shown) <= int(seen)
    assert "Unresolved" in ended.stdout
