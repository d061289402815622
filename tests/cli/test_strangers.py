"""What anybody may write into records, plans and names acts on no terminal, page or commit."""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path

import pytest
from support import FILES, PASSING, PLAN, SampleRepo, make_repo

from orchestrator.console import streams
from orchestrator.errors import BadInput

HOSTILE = (
    "x\x1b]0;t\x07\x9b2J\u202egnp\u2066\u200b\nnext: rm -rf ~\nerror: forged\r\u2028next: rm\n"
    "\nSigned-off-by: Somebody <s@x>\n<script>alert(1)</script> [bold]"
)
ACTS = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2066-\u2069]")
FORGED = re.compile(r"^\s*(?:next:\s*rm|error:\s*forged)", re.MULTILINE | re.IGNORECASE)
ODD = "tests/test_odd\nnext: rm -rf ~\x1b[31m\u202e.py"
"""A file's name."""


def must_be_harmless(text: str) -> None:
    assert not ACTS.search(text), ascii(ACTS.search(text))
    assert not FORGED.search(text), text


@pytest.fixture(scope="module")
def strange(tmp_path_factory: pytest.TempPathFactory) -> SampleRepo:
    """A repository whose plan and records somebody wrote who means no good."""
    said = json.dumps(HOSTILE)
    plan = (
        PLAN.replace("title: memory safety", f"title: {said}")
        .replace("title: first things", f"title: {said}")
        .replace("title: Batch one", f"title: {said}")
        .replace("title: Batch two", f"title: {said}")
        .replace(
            "          - path: tests/test_c.py\n",
            f"          - path: tests/test_c.py\n            manual: {said}\n",
        )
    )
    files = {**FILES, ODD: PASSING}
    made = make_repo(tmp_path_factory.mktemp("strange") / "r", files, plan=plan)
    entry = {
        "path": "tests/test_a.py", "done": "quarantined", "reason": f"culprit: {HOSTILE}",
        "notes": [HOSTILE], "by": HOSTILE,
        "failure": {"gate": HOSTILE, "fault": "culprit", "tests": [f"t.py::test[{HOSTILE}]"],
                    "reproduce": ["{python}", "-c", "pass", HOSTILE]},
        "patch": {"text": f"--- a/x\n+++ b/x\n@@ -1 +1 @@\n-x\n+{HOSTILE}\n"},
    }  # fmt: skip
    record = {
        "format": 1, "plan": "sample", "phase": "first", "batch": "one", "definition": "0",
        "fixers": {"memory-safety": 1},
        "targets": [entry, {**entry, "path": "tests/test_b.py", "done": "refused"}],
        "gates": [{"gate": HOSTILE, "count": 1, "flaky": [HOSTILE], "failed_before": [HOSTILE]}],
    }  # fmt: skip
    made.write("reports/first/one.json", json.dumps(record))
    made.commit(HOSTILE)
    return made


@pytest.mark.parametrize(
    "command",
    [
        ["status"], ["status", "--markdown"], ["unresolved"], ["show", "first/one"],
        ["show", "tests/test_a.py"], ["history"], ["report", "--markdown"], ["validate"],
        ["next-batch", "--dry-run"], ["next-batch"], ["check"], ["check", ODD], ["fix", "--check", ODD],
        ["check", "--format", "github"], ["scan"], ["fixers"], ["check", "--phase", "first"],
        ["show", HOSTILE], ["next-batch", "--batch", HOSTILE], ["skip", HOSTILE, "--reason", "x"],
        ["adopt", "tests/test_a.py"], ["check", HOSTILE], ["--plan", HOSTILE, "status"],
        ["check", "--phase", HOSTILE], ["memory", "--compare", HOSTILE], ["guard", "--only", HOSTILE],
        ["unresolved", "--json"], ["status", "--json"], ["history", "--json"],
    ],
    ids=lambda command: " ".join(command).replace(HOSTILE, "HOSTILE").replace(ODD, "ODD"),
)  # fmt: skip
def test_nothing_that_acts_reaches_a_terminal(strange: SampleRepo, command: list[str]) -> None:
    ended = strange.run(*command)
    assert "Traceback" not in ended.err
    must_be_harmless(ended.out)
    must_be_harmless(ended.err)


def test_reports_hold_no_markup_of_a_stranger(strange: SampleRepo, tmp_path: Path) -> None:
    assert strange.run("report", "--output", str(tmp_path)).code == 0
    for name in ("report.md", "report.html"):
        text = (tmp_path / name).read_text("utf-8")
        must_be_harmless(text)
        assert not re.search(r"(?<!\\)<script", text)


@pytest.mark.parametrize(
    "deed",
    [["skip", "tests/test_c.py", "--reason", HOSTILE], ["adopt", "tests/test_c.py", "--reason", HOSTILE]],
    ids=["skip", "adopt"],
)  # fmt: skip
def test_no_trailer_is_forged_in_a_commit_message(tmp_path: Path, deed: list[str]) -> None:
    said = json.dumps(HOSTILE)
    plan = PLAN.replace("title: memory safety", f"title: {said}\nprevents: {said}").replace(
        "          - path: tests/test_c.py\n",
        f"          - path: tests/test_c.py\n            manual: {said}\n",
    )
    repo = make_repo(tmp_path / "r", plan=plan)
    repo.write("tests/test_c.py", PASSING.replace("Alpha", "Changed"))
    if deed[0] == "skip":
        repo.commit()
    ended = repo.run(*deed, *(["--python", sys.executable] if deed[0] == "adopt" else []))
    assert ended.code == 0, ended.err
    must_be_harmless(ended.out + ended.err)
    message = repo.git.text("log", "-1", "--format=%B")
    assert not ACTS.search(message)
    assert not message.startswith(("next:", "error:"))
    trailers = repo.git.text("log", "-1", "--format=%(trailers:only)").split()
    assert trailers == ["Migration:", "sample", "first/two"]
    assert repo.git.text("interpret-trailers", "--parse", "--no-divider") == ""


def test_an_error_indents_what_follows_its_first_line(capsys: pytest.CaptureFixture[str]) -> None:
    streams.error(BadInput(f"git said:\n{HOSTILE}", next_step=f"git add {HOSTILE}"))
    lines = capsys.readouterr().err.splitlines()
    assert lines[0] == "error: git said:"
    assert all(line.startswith("  ") for line in lines[1:-1])
    assert lines[-1].startswith("next: git add x\\x1b]0;t\\x07")
    assert not any(line.lstrip().startswith("error:") for line in lines[1:])
    assert sum(line.lstrip().startswith("next:") for line in lines) == 1
    must_be_harmless("\n".join(lines[:-1]))


def test_a_command_that_is_printed_names_the_very_file(tmp_path: Path) -> None:
    plan = PLAN.replace(
        "          - path: tests/test_c.py\n",
        f"          - path: {json.dumps(ODD)}\n            options: {{group: odd}}\n"
        "            manual: by hand\n",
    )
    repo = make_repo(tmp_path / "r", {**FILES, ODD: PASSING}, plan=plan)
    ended = repo.run("unresolved")
    assert (
        "orchestrate adopt $'tests/test_odd\\012next: rm -rf ~\\033[31m\\342\\200\\256.py'"
        in ended.out
    )
    must_be_harmless(ended.out)


def test_a_diff_is_exact_for_a_program_and_shown_to_a_person(
    capfdbinary: pytest.CaptureFixture[bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    streams.raw("+\x1b[31m\udc80\n")
    assert capfdbinary.readouterr().out == b"+\x1b[31m\x80\n"
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    streams.raw("+\x1b[31m\udc80\n")
    assert capfdbinary.readouterr().out == b"+\\x1b[31m\\udc80\n"


NOISY = (
    'from pathlib import Path\nimport sys\nprint(Path(".said").read_text("utf-8"))\nsys.exit(1)\n'
)


@pytest.mark.parametrize("who", ["a fixer", "a gate", "a check", "a hook", "a test"])
def test_what_a_program_prints_acts_on_no_terminal_and_in_no_commit(
    tmp_path: Path, who: str
) -> None:
    run = "{python} noisy.py {files}"
    plan = PLAN
    if who in {"a fixer", "a check"}:
        options = f'{{run: "{run}"{", check: " + json.dumps(run) if who == "a check" else ""}}}'
        plan = re.sub(r" {12}options: .*\n", "", PLAN).replace(
            "fixer: memory-safety", f"fixer: command\n    options: {options}"
        )
    if who == "a gate":
        plan = f"{PLAN}verify: {{commands: [{{name: noisy, run: {json.dumps(run)}}}]}}\n"
    test = PASSING
    if who == "a test":
        test = (
            f"import pytest\n\n\nclass TestA:\n    @pytest.mark.parametrize('t', [{HOSTILE!r}])\n"
            "    def test(self, t):\n        assert not hasattr(self, 'teardown_method'), t\n"
        )
    files = {**FILES, "noisy.py": NOISY, ".said": HOSTILE, "tests/test_a.py": test}
    repo = make_repo(tmp_path / "r", files, plan=plan)
    if who == "a hook":
        repo.write(".git/hooks/pre-commit", "#!/bin/sh\ncat .said\nexit 1\n")
        (repo.top / ".git/hooks/pre-commit").chmod(0o755)
    phase = ["check", "--phase", "first"] if who == "a check" else ["next-batch"]
    ended = repo.run(*phase, "--python", sys.executable, "--trust")
    assert ended.code == (0 if who == "a gate" else 1), ended.err  # it failed before as well
    if who not in {"a gate", "a test"}:
        assert "\\x1b]0;t\\x07" in ended.out + ended.err
    must_be_harmless(ended.out)
    must_be_harmless(ended.err)
    must_be_harmless(repo.git.text("log", "-1", "--format=%B"))
    for command in ("unresolved", "status", "report --markdown"):
        must_be_harmless(repo.run(*command.split()).out)
