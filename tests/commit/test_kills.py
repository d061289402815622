"""The kill matrix: a run ended at every step, by every signal, with every kind of hook.

What is asked afterwards does not come from the program: the user's bytes, the branch, the index.
"""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from support import FILES, PLAN, Ran, SampleRepo, make_repo

from orchestrator.base.failpoints import POINTS

HOOKS = {
    "no hook": "",
    "slow hook": "sleep 0.3",
    "re-staging hook": "echo '# by the hook' >> tests/test_a.py; git add tests/test_a.py",
}
ASKING = ("TERM", "INT", "INT:INT")
"""Signals that ask a run to end; each step gets one of them, beside the one that does not ask."""
EXITS = {"KILL": -9, "TERM": 143, "INT": 130, "INT:INT": 130}
QUICK = PLAN.replace("phases:", "verify: {gates: [compile]}\nphases:")
TARGETS = ("tests/test_a.py", "tests/test_b.py")


def signal_names(text: str) -> str:
    return ":".join(f"SIG{name}" for name in text.split(":"))


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """What the targets hold after a run that nobody disturbed."""
    repo = make_repo(tmp_path_factory.mktemp("kills") / "repo", plan=QUICK)
    assert repo.run("next-batch", "--batch", "one", "--python", sys.executable).code == 0
    return {path: repo.read(path) for path in TARGETS}


def with_hook(repo: SampleRepo, line: str) -> None:
    if line:
        hook = repo.top / ".git/hooks/pre-commit"
        hook.parent.mkdir(exist_ok=True)
        hook.write_text(f"#!/bin/sh\n{line}\n")
        hook.chmod(0o755)


def next_batch(repo: SampleRepo, stop_at: str = "") -> Ran:
    words = ("next-batch", "--batch", "one", "--python", sys.executable)
    return repo.run(*words, env={"ORCHESTRATE_STOP_AT": stop_at})


def assert_sound(repo: SampleRepo, base: str, hook: str, undisturbed: dict[str, str]) -> None:
    """I1 to I7, by git and the bytes alone; the batch is in once, or not at all."""
    assert repo.changes == ""
    left = [path for path in repo.leftovers if not path.startswith("rescue/")]
    assert left == []
    repo.git.run("fsck", "--strict", "--no-progress")
    commits = repo.git.text("rev-list", f"{base}..HEAD").split()
    assert len(commits) <= 1
    landed = bool(commits)
    assert landed == (repo.top / "reports/first/one.json").is_file()
    for path in TARGETS:
        assert repo.read(path) == (undisturbed[path] if landed else FILES[path]), path
    assert "by the hook" not in repo.git.text("log", "-p", f"{base}..HEAD")
    if hook != "re-staging hook":
        assert landed


FROM_HERE_ON = POINTS.index("committing")
"""Before it no hook has anything to say."""
CASES = [
    pytest.param(
        point, number, hook, id=f"fault-{103 if number == 'KILL' else 104} {point} {number} {hook}"
    )
    for index, point in enumerate(POINTS)
    for turn, hook in enumerate(HOOKS if index >= FROM_HERE_ON else ["no hook"])
    for number in ("KILL", ASKING[(index + turn) % len(ASKING)])
]


@pytest.mark.parametrize(("point", "number", "hook"), CASES)
def test_a_run_that_is_ended_anywhere_loses_nothing(
    point: str, number: str, hook: str, tmp_path: Path, undisturbed: dict[str, str]
) -> None:
    repo = make_repo(tmp_path / "repo", plan=QUICK)
    with_hook(repo, HOOKS[hook])
    base = repo.head
    ended = next_batch(repo, f"{point}:{signal_names(number)}")
    if ended.code == 1:  # the hook had been refused before the point was reached
        assert hook == "re-staging hook"
        assert point in {"verified", "closed"}
    else:
        assert ended.code == EXITS[number], ended
        if number != "KILL":
            assert repo.changes == "", "an interrupted run cleans up itself"
            assert "somebody" not in ended.err
    again = next_batch(repo)
    assert again.code == (1 if hook == "re-staging hook" else 0), again
    assert_sound(repo, base, hook, undisturbed)
