"""A command of the plan as a gate, and that nothing of a plan runs before it was trusted."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from support import FILES, PASSING, PLAN, SampleRepo, make_repo

from orchestrator.base.outcomes import GateResult
from orchestrator.engine.context.events import ignore_events
from orchestrator.engine.context.options import RunOptions
from orchestrator.engine.next_batch import next_batch
from orchestrator.engine.results import Landed, Result, Stopped
from orchestrator.engine.select_batch import BatchSelector
from orchestrator.errors import Refused
from orchestrator.gates.reproduce import Reproduction

LINT = """\
import sys
for path in sys.argv[1:]:
    for number, line in enumerate(open(path), start=1):
        if "WORD" in line:
            print(f"{path}:{number}: a bad word")
            bad = True
sys.exit("bad" in globals())
"""


def repo_with(
    top: Path, word: str, run: str = "{python} lint.py {files}", **files: str
) -> SampleRepo:
    plan = PLAN.replace(
        "phases:", f'verify:\n  commands:\n    - {{name: lint, run: "{run}"}}\nphases:', 1
    )
    more = {path.replace("__", "/") + ".py": text for path, text in files.items()}
    lint = LINT.replace("WORD", word)
    return make_repo(top, {**FILES, "lint.py": lint, **more}, plan=plan)


def next_of(repo: SampleRepo, *, trust: bool = True) -> Result:
    return next_batch(
        repo.workspace(), BatchSelector(), RunOptions(sys.executable, trust=trust), ignore_events
    )


def test_a_command_that_finds_nothing_lets_the_batch_pass(tmp_path: Path) -> None:
    result = next_of(repo_with(tmp_path / "r", "nowhere-to-be-found"))
    assert isinstance(result, Landed)
    assert [(gate.gate, gate.count) for gate in result.record.gates][-1] == ("lint", 2)


def test_the_file_a_command_names_is_taken_out(tmp_path: Path) -> None:
    repo = repo_with(tmp_path / "r", "alpha_tests")
    result = next_of(repo)
    assert isinstance(result, Landed)
    assert [taken.name for taken in result.found.rejected] == ["tests/test_a.py"]
    assert "lint finds something new" in str(result.entries[0].reason)
    assert result.entries[0].failure is not None
    failure = result.entries[0].failure
    assert (failure.gate, failure.reproduce) == ("lint", None)
    again = Reproduction(repo.workspace().plan.verify_by_file(), "python3")
    assert again.words("lint", "tests/test_a.py") == ["python3", "lint.py", "tests/test_a.py"]


def test_what_a_command_found_before_is_no_fault_though_its_lines_moved(tmp_path: Path) -> None:
    repo = repo_with(tmp_path / "r", "a bad old word", tests__test_a=PASSING + "# a bad old word\n")
    result = next_of(repo)
    assert isinstance(result, Landed)
    assert (result.found.rejected, result.record.gates[-1].failed_before) == ([], ("lint",))


def test_a_command_that_names_no_file_is_bisected(tmp_path: Path) -> None:
    run = "{python} -c 'import pathlib,sys; sys.exit(sum(1 for p in sys.argv[1:] if chr(98)+chr(95)+chr(116) in pathlib.Path(p).read_text()))' {files}"
    result = next_of(repo_with(tmp_path / "r", "", run=run))
    assert isinstance(result, Landed)
    assert [taken.name for taken in result.found.rejected] == ["tests/test_b.py"]


def test_a_program_that_is_missing_cannot_be_judged(tmp_path: Path) -> None:
    repo = repo_with(tmp_path / "r", "", run="no-such-program {files}")
    head = repo.head
    result = next_of(repo)
    assert isinstance(result, Stopped)
    assert result.found.verdicts[-1].kind is GateResult.CANNOT_JUDGE
    assert "lint: cannot start 'no-such-program'" in result.found.verdicts[-1].why
    assert (repo.head, repo.changes, repo.leftovers) == (head, "", [])


def test_a_command_that_never_ends_cannot_be_judged(tmp_path: Path) -> None:
    repo = repo_with(tmp_path / "r", "", run="sleep 1000")
    plan = repo.read("migration_plan.yaml").replace("verify:\n", "verify:\n  timeout_s: 5\n")
    repo.write("migration_plan.yaml", plan)
    repo.commit()
    result = next_of(repo)
    assert isinstance(result, Stopped)
    assert result.found.verdicts[-1].kind is GateResult.CANNOT_JUDGE
    assert repo.changes == ""


def test_fault_29_commands_of_a_plan_run_only_once_they_are_trusted(tmp_path: Path) -> None:
    repo = repo_with(tmp_path / "r", "nowhere-to-be-found", run="touch ran")
    with pytest.raises(Refused, match="not trusted here yet:\nlint: touch ran"):
        next_of(repo, trust=False)
    assert not (repo.top / "ran").exists()
    assert isinstance(next_of(repo, trust=True), Landed)
    assert isinstance(next_of(repo, trust=False), Landed)
    repo.write(
        "migration_plan.yaml", repo.read("migration_plan.yaml").replace("touch ran", "touch it")
    )
    repo.commit()
    with pytest.raises(Refused, match="touch it"):
        next_of(repo, trust=False)


def test_fault_30_status_and_validate_run_no_command_of_the_plan(tmp_path: Path) -> None:
    repo = repo_with(tmp_path / "r", "", run="touch ran")
    for command in ("status", "validate", "unresolved"):
        assert repo.run(command).code == 0
    assert not (repo.top / "ran").exists()
