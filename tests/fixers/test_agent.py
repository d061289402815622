"""An agent as a fixer, and ladders: a real program that fails first and mends what it is told."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from support import SampleRepo, fixer_plan, make_repo

from orchestrator.base.outcomes import FailureCause, TargetOutcome
from orchestrator.engine.results import Landed, Result
from orchestrator.records.record import TargetRecord

TEST = "def answer():\n    return 41\n\n\ndef test_it():\n    assert answer() in (41, 42)\n"
AGENT = """\
# An agent of the tests: its first edit breaks a test; once it is told which, it does it right.
import json, pathlib, sys
prompt = pathlib.Path(sys.argv[1]).read_text() if len(sys.argv) > 1 else sys.stdin.read()
log = pathlib.Path(LOG)
log.write_text(json.dumps([*(json.loads(log.read_text()) if log.exists() else []), prompt]))
for line in prompt.splitlines():
    if line.startswith("- tests/") and "::" not in line:
        file = pathlib.Path(line[2:])
        text = file.read_text()
        mended = "was rolled back" in prompt and "test_it" in prompt
        if MODE == "cheat":
            file.write_text(text.replace("in (41, 42)", "or True"))
        elif MODE == "stubborn" or not mended:
            file.write_text(text.replace("return 41", "return 43"))
        else:
            file.write_text(text.replace("return 41", "return 42"))
print("tokens used: 1,200")
"""


def repo_with(
    top: Path, *, mode: str = "mends", options: str = "", names: tuple[str, ...] = ("a",), fixer: str = ""
) -> SampleRepo:  # fmt: skip
    """A repository whose agent keeps every prompt it gets beside the repository."""
    agent = AGENT.replace("LOG", repr(str(top.parent / "prompts.json"))).replace("MODE", repr(mode))
    paths = [f"tests/test_{name}.py" for name in names]
    fixer = fixer or f'fixer: agent\noptions: {{run: "{{python}} agent.py"{options}}}'
    plan = fixer_plan(paths, fixer=f"instructions: Let the answer be 42.\n{fixer}")
    files = {".gitignore": "__pycache__/\n", "agent.py": agent, **dict.fromkeys(paths, TEST)}
    return make_repo(top, files, plan=plan)


def prompts(repo: SampleRepo) -> list[str]:
    found: list[str] = json.loads((repo.top.parent / "prompts.json").read_text())
    return found


def entries(result: Result) -> dict[str, TargetRecord]:
    assert isinstance(result, Landed), result
    return {entry.path: entry for entry in result.entries}


def test_a_red_gate_is_fed_back_until_it_is_mended(tmp_path: Path) -> None:
    repo = repo_with(tmp_path / "r")
    result = repo.next_batch(trust=True)
    assert entries(result)["tests/test_a.py"].done is TargetOutcome.EDITED
    assert "return 42" in repo.read("tests/test_a.py")
    first, second = prompts(repo)
    assert "Let the answer be 42." in first
    assert "- tests/test_a.py" in first
    assert "rolled back" not in first
    assert "An edit of tests/test_a.py was rolled back: test: tests/test_a.py::test_it" in second
    assert "assert 43 in (41, 42)" in second
    assert "+    return 43" in second
    assert (repo.changes, repo.leftovers) == ("", [])


def test_the_same_failure_twice_ends_it_and_a_person_is_told(tmp_path: Path) -> None:
    repo = repo_with(tmp_path / "r", mode="stubborn", options=", tries: 9")
    result = repo.next_batch(trust=True)
    entry = entries(result)["tests/test_a.py"]
    assert (entry.done, len(prompts(repo))) == (TargetOutcome.QUARANTINED, 2)
    assert repo.read("tests/test_a.py") == TEST
    assert entry.patch is not None
    assert "return 43" in entry.patch.text
    assert "tests/test_a.py" in repo.run("unresolved").out


def test_each_file_has_a_task_of_its_own_and_only_the_red_one_is_tried_again(
    tmp_path: Path,
) -> None:
    repo = repo_with(tmp_path / "r", names=("a", "b"))
    repo.write("tests/test_b.py", TEST.replace("41, 42", "41, 43"))
    repo.commit("b stands the first edit")
    found = entries(repo.next_batch(trust=True))
    assert {entry.done for entry in found.values()} == {TargetOutcome.EDITED}
    asked = [[line for line in p.splitlines() if line.startswith("- tests/") and "::" not in line] for p in prompts(repo)]  # fmt: skip
    assert asked == [["- tests/test_a.py"], ["- tests/test_b.py"], ["- tests/test_a.py"]]
    assert "return 43" in repo.read("tests/test_b.py")


def test_a_prompt_may_be_a_template_and_a_file(tmp_path: Path) -> None:
    template = "{{ plan.title }}/{{ phase.id }}/{{ batch.title }}:{% for f in files %}\\n- {{ f.path }}{% endfor %}"
    repo = repo_with(
        tmp_path / "r",
        fixer=f'fixer: agent\noptions:\n  run: "{{python}} agent.py {{prompt}}"\n  prompt: "{template}"\n  tries: 1',
    )
    entries(repo.next_batch(trust=True))
    assert prompts(repo) == ["a change/only/Batch one:\n- tests/test_a.py"]


def test_strength_is_always_on_and_a_cheat_is_taken_out(tmp_path: Path) -> None:
    repo = repo_with(tmp_path / "r", mode="cheat", options=", tries: 1")
    result = repo.next_batch(trust=True)
    assert isinstance(result, Landed)
    (taken,) = result.found.rejected
    assert (taken.gate, taken.fault) == ("strength", FailureCause.CULPRIT)
    assert "asserts less: 0 of 1; one is true whatever happens" in taken.blames[0].what
    assert repo.read("tests/test_a.py") == TEST


def test_a_budget_read_from_what_it_prints_ends_further_tries(tmp_path: Path) -> None:
    repo = repo_with(
        tmp_path / "r", names=("a", "b", "c"), mode="stubborn",
        options=", cost: 'tokens used: ([0-9,]+)', budget: 2000",
    )  # fmt: skip
    found = entries(repo.next_batch(trust=True))
    assert len(prompts(repo)) == 2
    assert found["tests/test_c.py"].done is TargetOutcome.REFUSED
    assert "the budget of 2000 is spent (2400)" in str(found["tests/test_c.py"].reason)


def test_minutes_of_a_batch_end_further_tries(tmp_path: Path) -> None:
    repo = repo_with(tmp_path / "r", names=("a", "b"), options=", batch_minutes: 0.00001, tries: 1")
    found = entries(repo.next_batch(trust=True))
    assert len(prompts(repo)) == 1
    assert "has worked for 1e-05 minutes" in str(found["tests/test_b.py"].reason)


def test_an_agent_is_never_asked_only_to_look(tmp_path: Path) -> None:
    repo = repo_with(tmp_path / "r")
    ended = repo.run("check", "--phase", "only", "--trust")
    assert (ended.code, "give its fixer a `check:`" in ended.err) == (2, True)
    assert not (tmp_path / "prompts.json").exists()


LADDER = """\
ladder:
  - fixer: command
    options: {run: "{python} quick.py {files}"}
  - fixer: agent
    options: {run: "{python} agent.py", tries: 2}
"""
QUICK = """\
# does what is easy: breaks b, and refuses c
import pathlib, sys
for path in sys.argv[1:]:
    if "test_c" in path: sys.exit("too hard: " + path)
    file = pathlib.Path(path)
    file.write_text(file.read_text().replace("return 41", "return 40" if "test_b" in path else "return 42"))
"""


def test_what_one_rung_leaves_goes_to_the_next_and_the_record_says_who_did_it(
    tmp_path: Path,
) -> None:
    repo = repo_with(tmp_path / "r", names=("a", "b", "c"), fixer=LADDER)
    repo.write("quick.py", QUICK)
    repo.commit("the quick one")
    result = repo.next_batch(trust=True)
    found = entries(result)
    assert {path[11]: (entry.done, entry.by) for path, entry in found.items()} == {
        "a": (TargetOutcome.EDITED, "command"), "b": (TargetOutcome.EDITED, "agent"), "c": (TargetOutcome.EDITED, "agent"),
    }  # fmt: skip
    assert isinstance(result, Landed)
    assert result.record.fixers == {"command": 1, "agent": 1}
    assert all("return 42" in repo.read(f"tests/test_{name}.py") for name in "abc")
    told = next(p for p in prompts(repo) if "- tests/test_c.py" in p)
    assert "quick.py" not in told or "too hard: tests/test_c.py" in told
    assert "too hard: tests/test_c.py" in told
    assert repo.git.text("log", "--format=%s").count("\n") == 2  # one commit for all of it
    assert (repo.changes, repo.leftovers) == ("", [])
    shown = repo.run("show", "one").out
    assert "edited      tests/test_a.py, by command" in shown
    assert "edited      tests/test_b.py, by agent" in shown


def test_what_a_later_rung_does_not_change_is_left_for_the_first_reason(tmp_path: Path) -> None:
    fixer = (
        LADDER.replace("{python} agent.py", "true")
        + '  - {fixer: command, name: idle, options: {run: "true"}}\n'
    )
    repo = repo_with(tmp_path / "r", names=("a", "b", "c"), fixer=fixer)
    repo.write("quick.py", QUICK)
    repo.commit("the quick one")
    found = entries(repo.next_batch(trust=True))
    assert [entry.done for entry in found.values()] == [
        TargetOutcome.EDITED,
        TargetOutcome.QUARANTINED,
        TargetOutcome.REFUSED,
    ]
    assert "too hard" in str(found["tests/test_c.py"].reason)


def test_a_file_beside_the_targets_that_one_rung_changed_goes_to_the_next_as_it_is(
    tmp_path: Path,
) -> None:
    touching = QUICK + "open('shared.txt', 'a').write('quick\\n')\n"
    agent = "import pathlib\nassert pathlib.Path('shared.txt').read_text() == 'top\\nquick\\n'\npathlib.Path('shared.txt').write_text('top\\nquick\\nagent\\n')\np = pathlib.Path('tests/test_c.py')\np.write_text(p.read_text().replace('return 41', 'return 42'))\n"  # fmt: skip
    fixer = LADDER.replace('{files}"', '{files}", may_touch: [shared.txt], per: file, twice: false').replace(
        'tries: 2', 'tries: 2, may_touch: [shared.txt]')  # fmt: skip
    repo = repo_with(tmp_path / "r", names=("a", "c"), fixer=fixer)
    repo.write("quick.py", touching)
    repo.write("agent.py", agent)
    repo.write("shared.txt", "top\n")
    repo.commit("both touch it")
    result = repo.next_batch(trust=True)
    assert {entry.done for entry in entries(result).values()} == {TargetOutcome.EDITED}
    assert repo.read("shared.txt") == "top\nquick\nagent\n"
    assert isinstance(result, Landed)
    (other,) = result.record.others
    assert set(other.unit) == {"tests/test_a.py", "tests/test_c.py"}
    assert (repo.changes, repo.leftovers) == ("", [])


def test_what_the_last_rung_leaves_goes_to_a_person(tmp_path: Path) -> None:
    repo = repo_with(tmp_path / "r", names=("a", "c"), mode="stubborn", fixer=LADDER)
    repo.write("quick.py", QUICK)
    repo.commit("the quick one")
    found = entries(repo.next_batch(trust=True))
    assert found["tests/test_a.py"].done is TargetOutcome.EDITED
    assert found["tests/test_c.py"].done is TargetOutcome.QUARANTINED
    assert "tests/test_c.py" in repo.run("unresolved").out


@pytest.mark.parametrize(
    ("fixer", "message"),
    [
        pytest.param("fixer: agent\noptions: {run: x, budget: 3}", "a budget needs `cost:`", id="budget"),
        pytest.param("fixer: agent\noptions: {run: x, cost: 'a(b'}", "which is no pattern", id="pattern"),
        pytest.param("fixer: agent\noptions: {run: x, cost: 'ab'}", "it needs one group", id="group"),
        pytest.param("fixer: agent\noptions: {run: x, tries: 1.5}", "a whole number", id="tries"),
        pytest.param("fixer: command\nladder: [{fixer: command, options: {run: x}}]", "`fixer:` and `options:`, or a `ladder:`", id="both"),
        pytest.param("ladder: [{fixer: command, options: {run: x}}, {fixer: command, options: {run: y}}]", "two rungs are called 'command'", id="names"),
        pytest.param("ladder: [{fixer: comand, options: {run: x}}]", "no fixer is called 'comand'; did you mean 'command'?", id="unknown"),
    ],
)  # fmt: skip
def test_ladders_and_options_that_mean_nothing_are_errors_of_the_plan(
    fixer: str, message: str, tmp_path: Path
) -> None:
    repo = make_repo(tmp_path / "r", {"tests/test_a.py": TEST}, plan=fixer_plan(["tests/test_a.py"], fixer=fixer))  # fmt: skip
    ended = repo.run("validate")
    assert (ended.code, message in ended.err) == (2, True), ended.err
