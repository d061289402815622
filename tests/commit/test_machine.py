"""Whatever a user and a dying program do in whatever order: no byte and no commit of theirs is lost."""

from __future__ import annotations

import shutil
import sys
import tempfile
from pathlib import Path

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule
from support import PLAN
from user import EXITS, HOOKS, OTHERS, TARGETS, new_user

from orchestrator.base.failpoints import POINTS
from orchestrator.vcs import GitFailed

QUICK = PLAN.replace("phases:", "verify: {gates: [compile]}\nphases:")
SIGNALS = ("SIGKILL", "SIGTERM", "SIGINT", "SIGINT:SIGINT")
COMMANDS = (
    ["next-batch"], ["next-batch"], ["next-batch", "--all"], ["next-batch", "--dry-run"],
    ["recover"], ["recover", "--keep"], ["recover", "--restore"],
    ["undo", "first/one"], ["skip", "first/two", "--reason", "not now"], ["retry", "first/one"],
    ["adopt", "tests/test_c.py", "--reason", "by hand"], ["status"],
)  # fmt: skip
DEEDS = [command for command in COMMANDS if command[0] in {"next-batch", "undo", "adopt", "skip"}]


class Machine(RuleBasedStateMachine):
    @initialize()
    def begin(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="machine-"))
        self.user = new_user(self.folder / "repo", QUICK)

    @rule(path=st.sampled_from([*TARGETS, *OTHERS]))
    def edit(self, path: str) -> None:
        self.user.edit(path)

    @rule(path=st.sampled_from([*TARGETS, *OTHERS]))
    def stage(self, path: str) -> None:
        self.user.stage(path)

    @rule()
    def commit(self) -> None:
        if self.user.repo.git.branch == "main":
            self.user.commit()

    @rule(kind=st.sampled_from(list(HOOKS)))
    def hook(self, kind: str) -> None:
        self.user.hook(kind)

    @rule(branch=st.sampled_from(["main", "other"]))
    def switch(self, branch: str) -> None:
        git = self.user.repo.git
        try:
            git.run("switch", "--quiet", branch)
        except GitFailed:
            if branch == "other" and not git.text("branch", "--list", "other"):
                git.run("switch", "--quiet", "--create", "other")

    @rule(command=st.sampled_from(COMMANDS))
    def run(self, command: list[str]) -> None:
        self.ended(command, "")

    @rule(
        command=st.sampled_from(DEEDS),
        point=st.sampled_from(POINTS),
        signals=st.sampled_from(SIGNALS),
    )
    def die(self, command: list[str], point: str, signals: str) -> None:
        self.ended(command, f"{point}:{signals}")

    def ended(self, command: list[str], stop_at: str) -> None:
        options = ["--python", sys.executable] if command[0] == "next-batch" else []
        env = {"ORCHESTRATE_STOP_AT": stop_at}
        ended = self.user.repo.run(*command, *options, env=env)
        assert ended.code in EXITS, ended
        assert "Traceback" not in ended.err, ended
        if ended.code not in {0, -9} and "--check" not in command:
            assert "next: " in ended.err, ended

    @invariant()
    def nothing_is_lost(self) -> None:
        if hasattr(self, "user"):
            assert self.user.losses() == []

    def teardown(self) -> None:
        if hasattr(self, "user"):
            repo = self.user.repo
            assert repo.run("recover", "--keep").code == 0
            assert [path for path in repo.leftovers if not path.startswith("rescue/")] == []
            assert repo.git.text("for-each-ref", "refs/worktree") == ""
            repo.git.run("fsck", "--strict", "--no-progress")
            assert self.user.losses() == []
            shutil.rmtree(self.folder)


Machine.TestCase.settings = settings(
    max_examples=12, stateful_step_count=12, deadline=None,
    suppress_health_check=list(HealthCheck), derandomize=True,
)  # fmt: skip
TestNothingIsLost = Machine.TestCase
