"""What a record keeps is a stranger's: `show --run` runs the plan's command, on a trusted edit."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest
from support import FILES, SampleRepo, copied, make_repo

PICKY = """\
class TestPicky:
    def test_bare(self):
        assert "teardown_method" not in vars(type(self))
"""
NAME = "tests/test_a.py"
RECORD = "reports/first/one.json"
PYTHON = ("--python", sys.executable)


def with_a_file_taken_out(top: Path) -> SampleRepo:
    repo = make_repo(top, {**FILES, NAME: PICKY})
    assert repo.run("next-batch", *PYTHON).code == 1
    return repo


@pytest.fixture
def quarantined(tmp_path: Path) -> SampleRepo:
    return copied(tmp_path / "r", with_a_file_taken_out)


def entry_of(repo: SampleRepo) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(repo.read(RECORD))["targets"][0]
    return found


def rewrite(repo: SampleRepo, **odd: Any) -> None:
    record = json.loads(repo.read(RECORD))
    entry = record["targets"][0]
    for name, value in odd.items():
        holder = entry["failure"] if name in {"gate", "tests", "reproduce"} else entry
        holder[name] = value
    repo.write(RECORD, json.dumps(record, indent=2))
    repo.commit("a record from somebody")


def test_an_edit_of_a_record_is_run_once_somebody_trusted_it(quarantined: SampleRepo) -> None:
    assert "reproduce" not in entry_of(quarantined)["failure"]
    ended = quarantined.run("show", NAME, "--run", *PYTHON)
    assert ended.code == 3
    assert f"changes '{NAME}'; see it: orchestrate show --patch {NAME}" in ended.err
    assert f"once: orchestrate show {NAME} --run --trust" in ended.err
    for more in (["--trust"], []):
        ended = quarantined.run("show", NAME, "--run", *more, *PYTHON)
        assert ended.code == 1, ended
        assert f"-m pytest {NAME}::TestPicky::test_bare" in ended.out
        assert "1 failed" in ended.out
    text = entry_of(quarantined)["patch"]["text"].replace("gc.collect", "gc.freeze")
    rewrite(quarantined, patch={"text": text, "encoding": "utf-8"})
    assert quarantined.run("show", NAME, "--run", *PYTHON).code == 3
    assert quarantined.changes == ""


def test_what_a_record_calls_a_command_is_never_run(
    quarantined: SampleRepo, tmp_path: Path
) -> None:
    mark = tmp_path / "was run"
    evil = ["sh", "-c", f"touch '{mark}'"]
    tests = ["-p evil", "--pdb", "../x.py::t", "/etc/x.py", f"{NAME}::TestPicky::test_bare"]
    rewrite(quarantined, reproduce=evil, tests=tests)
    for command in (["unresolved"], ["unresolved", "--json"], ["status"]):
        ended = quarantined.run(*command)
        assert ended.code == 0, ended
        assert "touch" not in ended.out + ended.err
    ended = quarantined.run("show", NAME, "--run", "--trust", *PYTHON)
    assert ended.out.startswith(
        f"{NAME}: {sys.executable} -m pytest {NAME}::TestPicky::test_bare\n"
    )
    assert not mark.exists()


def patch_of(path: str, mode: str = "100644", line: str = "x = 1") -> str:
    return (
        f"diff --git a/{path} b/{path}\nnew file mode {mode}\n--- /dev/null\n+++ b/{path}\n"
        f"@@ -0,0 +1 @@\n+{line}\n\\ No newline at end of file\n"
    )


@pytest.mark.parametrize(
    ("text", "code"),
    [
        pytest.param(patch_of("../outside.py"), 4, id="outside"),
        pytest.param(patch_of("/tmp/outside.py"), 4, id="absolute"),
        pytest.param(patch_of(".git/hooks/post-commit", "100755"), 4, id="a hook"),
        pytest.param(patch_of(".GIT/config"), 4, id="git's folder otherwise written"),
        pytest.param(patch_of("sub/.git/config"), 4, id="a submodule's"),
        pytest.param(patch_of("tests/link", "120000", "/etc"), 3, id="a link"),
        pytest.param(
            patch_of("tests/link", "120000", "/tmp") + patch_of("tests/link/x.py"),
            4,
            id="through it",
        ),
        pytest.param(patch_of("conftest.py"), 3, id="another file"),
        pytest.param(patch_of("tests/test_a.py"), 4, id="it is there"),
        pytest.param("rubbish", 4, id="rubbish"),
        pytest.param("\ud800", 4, id="no text"),
    ],
)
def test_an_edit_writes_to_the_files_of_its_record_and_makes_no_link(
    quarantined: SampleRepo, text: str, code: int
) -> None:
    hooks = sorted((quarantined.top / ".git").rglob("*"))
    rewrite(quarantined, patch={"text": text, "encoding": "utf-8"})
    before = quarantined.head
    ended = quarantined.run("show", NAME, "--run", "--trust", *PYTHON)
    assert ended.code == code, ended
    assert (quarantined.head, quarantined.changes, quarantined.leftovers) == (before, "", [])
    made = {path.name for path in set((quarantined.top / ".git").rglob("*")) - set(hooks)}
    assert not made & {"post-commit", "x.py", "outside.py"}
    assert not (quarantined.top.parent / "outside.py").exists()


@pytest.mark.parametrize("unit", ["../x.py", ".git/config", "/etc/passwd"])
def test_a_record_names_no_file_outside(quarantined: SampleRepo, unit: str) -> None:
    rewrite(quarantined, unit=[unit])
    ended = quarantined.run("show", NAME, "--run", "--trust", *PYTHON)
    assert ended.code == 2, ended
    assert quarantined.changes == ""
