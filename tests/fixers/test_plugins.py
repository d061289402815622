"""Fixers and gates of other packages: the page that explains one, installed and run as it stands."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest
from support import SampleRepo, fixer_plan, make_repo

PAGE = Path(__file__).parents[2] / "docs/writing_a_fixer.md"
BROKEN = {
    "entry_points.txt": "[orchestrate.fixers]\nbroken = broken_plugin:Fixer\nodd = json:JSONDecoder\ncommand = json:loads\n"
    "[orchestrate.gates]\nbad-gate = broken_plugin:Gate\n"
    "[orchestrate.commands]\nbad-command = broken_plugin:command\nodd-command = json:__doc__\nstatus = json:loads\n"
    "[orchestrate.drafters]\nagent = json:JSONDecoder\n",
    "METADATA": "Metadata-Version: 2.1\nName: broken-plugin\nVersion: 0.3\n",
}


pytestmark = pytest.mark.xdist_group("plugins")  # one worker installs the package


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with exactly the page's package installed, and a package whose plug-ins are broken."""
    top = tmp_path_factory.mktemp("plugins")
    text = PAGE.read_text("utf-8")
    (code,) = re.findall(r"^```python\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    (project,) = re.findall(r"^```toml\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    fixer = code[code.index("class TidyPrints") : code.index("class NoBreakpoints")]
    assert len(fixer.strip().splitlines()) <= 30
    (top / "package/src").mkdir(parents=True)
    (top / "package/src/tidy_prints.py").write_text(code)
    (top / "package/pyproject.toml").write_text(project)
    subprocess.run(
        [
            sys.executable, "-m", "pip", "install", "--quiet", "--no-index", "--no-deps",
            "--no-build-isolation", "--disable-pip-version-check",
            "--target", str(top / "site"), str(top / "package"),
        ],
        check=True, capture_output=True,
    )  # fmt: skip
    info = top / "site/broken_plugin-0.3.dist-info"
    info.mkdir()
    for name, content in BROKEN.items():
        (info / name).write_text(content)
    return top / "site"


def env(site: Path) -> Mapping[str, str]:
    return {"PYTHONPATH": str(site)}


FILES = {
    ".gitignore": "__pycache__/\n",
    "tests/test_a.py": "def test_a():\n    x = 1\n    print(x)\n    print('banner')\n    assert x == 1\n",
    "tests/test_b.py": "if __name__ == '__main__':\n    print('b')\n\n\ndef test_b():\n    assert 1 + 1 == 2\n",
    "tests/test_c.py": "def test_c():\n    print('c')\n    if 0:\n        breakpoint()\n    assert 1 + 1 == 2\n",
}
FIXER = "fixer: tidy-prints\noptions: {keep: banner}"


def repo(top: Path, *, fixer: str = FIXER, gates: str = "[compile, no-breakpoints, collect, test]") -> SampleRepo:  # fmt: skip
    plan = fixer_plan(sorted(path for path in FILES if path.endswith(".py")), fixer=fixer, verify=f"gates: {gates}")  # fmt: skip
    return make_repo(top, FILES, plan=plan)


def test_the_fixer_and_the_gate_of_the_page_carry_a_batch(site: Path, tmp_path: Path) -> None:
    made = repo(tmp_path / "r")
    assert made.run("validate", env=env(site)).code == 0
    ended = made.run("next-batch", "--python", sys.executable, env=env(site))
    assert ended.code == 3
    assert "gate of tidy-prints: no-breakpoints" in ended.err
    assert "only (tidy-prints): fixer of tidy-prints: tidy-prints" in ended.err
    ended = made.run("next-batch", "--trust", "--python", sys.executable, env=env(site))
    assert ended.code == 1, ended.err  # test_b is refused
    assert made.read("tests/test_a.py") == FILES["tests/test_a.py"].replace("    print(x)\n", "")
    assert "refused: tests/test_b.py: it is a program, and may print" in ended.err
    assert "print('c')" not in made.read("tests/test_c.py")
    record = json.loads(made.read("reports/only/one.json"))
    assert record["fixers"] == {"tidy-prints": 1}
    assert record["targets"][0]["counts"] == {"prints": 1}
    gate = next(g for g in record["gates"] if g["gate"] == "no-breakpoints")
    assert gate["failed_before"] == ["no-breakpoints"]  # test_c called it before as well
    assert "- tests/test_a.py: 1 print" in made.git.text("log", "-1")
    assert made.changes == ""


def test_what_a_gate_of_a_plug_in_blames_is_taken_out(site: Path, tmp_path: Path) -> None:
    tool = 'run: "{python} tool.py {files}"'
    made = repo(tmp_path / "r", fixer=f"fixer: command\noptions: {{{tool}}}")
    made.write("tool.py", "import sys\nfor p in sys.argv[1:]:\n    t = open(p).read()\n    open(p, 'w').write(t.replace('    x = 1\\n', '    x = 1\\n    if 0: breakpoint()\\n', 1) if t.count('breakpoint') == 0 else t)\n")  # fmt: skip
    made.commit("a tool")
    ended = made.run("next-batch", "--trust", "--python", sys.executable, env=env(site))
    assert "tests/test_a.py: breakpoint()" in ended.err
    assert made.read("tests/test_a.py") == FILES["tests/test_a.py"]


def test_fixers_shows_where_each_comes_from_and_names_what_is_broken(
    site: Path, tmp_path: Path
) -> None:
    made = repo(tmp_path / "r")
    ended = made.run("fixers", env=env(site))
    assert ended.code == 0
    lines = ended.out.splitlines()
    assert (
        "tidy-prints  (version 1, tidy-prints 1.0)  Takes statements that only print out of a file."
        in lines
    )
    assert "  keep             a word; calls whose line holds it stay" in lines
    assert "gate no-breakpoints  (tidy-prints 1.0)  No file calls breakpoint()." in lines
    broken = [line for line in lines if "BROKEN" in line]
    assert any(
        line.startswith("broken  (broken-plugin 0.3)  BROKEN") and "No module named" in line
        for line in broken
    )
    assert any("odd" in line and "neither a FileFixer nor a BatchFixer" in line for line in broken)
    assert any("command" in line and "a built-in fixer has that name" in line for line in broken)
    assert any("gate bad-gate" in line for line in broken)
    document = json.loads(made.run("fixers", "--json", env=env(site)).out)
    assert {f["name"] for f in document["fixers"]} >= {
        "agent",
        "codemod",
        "command",
        "memory-safety",
    }


def test_a_broken_plug_in_harms_only_the_plan_that_names_it(site: Path, tmp_path: Path) -> None:
    made = repo(tmp_path / "r", fixer="fixer: broken")
    ended = made.run("validate", env=env(site))
    assert ended.code == 2
    assert "the fixer 'broken' of broken-plugin 0.3 does not load" in ended.err
    other = repo(tmp_path / "s", gates="[compile, no-breakpoint]")
    ended = other.run("validate", env=env(site))
    assert "no gate is called 'no-breakpoint'; did you mean 'no-breakpoints'?" in ended.err


def test_the_command_of_the_page_is_one_of_the_program(site: Path, tmp_path: Path) -> None:
    made = repo(tmp_path / "r")
    ended = made.run("count-prints", "--folder", "tests", env=env(site))
    assert (ended.code, ended.out) == (0, "4\n"), ended
    listed = made.run("--help", env=env(site))
    assert listed.code == 0
    assert "Count the calls of print below a folder." in listed.out
    assert made.run("count-prints").code == 2  # without the package there is no such command


def test_a_broken_command_is_listed_and_says_why(site: Path, tmp_path: Path) -> None:
    made = repo(tmp_path / "r")
    listed = made.run("--help", env={**env(site), "COLUMNS": "200"})
    assert "BROKEN: 'bad-command' of broken-plugin 0.3 does not load" in listed.out
    for name, why in (
        ("bad-command", "does not load"),
        ("odd-command", "is a str, and no function"),
    ):
        ended = made.run(name, env=env(site))
        assert ended.code == 4
        assert why in ended.err
    assert "Traceback" not in made.run("status", env=env(site)).err  # ours, not the package's


def test_the_drafter_of_the_page_writes_a_plan_that_runs(site: Path, tmp_path: Path) -> None:
    made = make_repo(tmp_path / "r", FILES, plan=None)
    ended = made.run("plan", "--fixer", "tidy-prints", "--python", sys.executable, env=env(site))
    assert ended.code == 0, ended
    assert "3 files to go" in ended.out
    made.commit("the plan")
    assert made.run("validate", "--strict", env=env(site)).code == 0
    ended = made.run("next-batch", "--trust", "--python", sys.executable, env=env(site))
    assert made.read("tests/test_c.py").count("print") == 0, ended


def test_a_drafter_that_is_none_is_named(site: Path, tmp_path: Path) -> None:
    made = make_repo(tmp_path / "r", FILES, plan=None)
    ended = made.run("plan", "--fixer", "agent", env=env(site))
    assert ended.code == 4
    assert "the drafter 'agent' is a JSONDecoder, and no Drafter" in ended.err
