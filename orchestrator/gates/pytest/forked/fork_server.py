"""Decides of every run of pytest whether it is forked, and proves that this changes nothing."""

from __future__ import annotations

import contextlib
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Protocol

from orchestrator.base import tempdirs
from orchestrator.base.process import Start
from orchestrator.gates.pytest.events import TestRun
from orchestrator.gates.pytest.forked.imports import Environment, ImportLog, Learned, keep, known
from orchestrator.gates.pytest.forked.server import EnvironmentChanged, NotForked, Server
from orchestrator.gates.pytest.run import PytestRequest, PytestRun, base_environment

_ANYHOW_S = 1.0
"""A forked run takes about that long to be collected; what others take beyond it could be saved."""

_LEFT_OUT = 12
"""How many modules are left out of what is loaded, at most, before runs are started instead."""


class StartRun(Protocol):
    """Runs pytest once: started by `start` where that is given; `imports` is told what it loads."""

    def __call__(self, *, start: Start | None = None, imports: Path | None = None) -> PytestRun:
        """How it ended."""
        ...


class ForkServer:
    """The runs of one session: the first is started and learned from, a later one is proof.

    That one is started, and forked as well, where runs have spent as long on loading as that takes.
    Where both come to the same, every other run is forked; else every other is started. `say` is
    told why. What was learned holds for later sessions, as long as interpreter, packages and
    environment are the same.

    Forked runs are learned from as well: once they have spent as long on loading again what others
    had loaded before them as one more proof takes, that is loaded for all of them.
    """

    def __init__(self, environment: Environment, cwd: Path) -> None:
        """Begin to load at once what was proved before."""
        self._environment = environment
        self._stamp = environment.stamp()
        self._cwd = cwd
        self._say: Callable[[str], None] = lambda what: None
        self._server: Server | None = None
        self._is_off = False
        self._learned = known(self._stamp) if sys.platform == "linux" else None
        self._proof_s = 0.0
        """How long a proof would take, by the run before."""

        self._grows = True
        if self._learned is not None and self._learned.is_proved:
            self._load_meanwhile(self._learned.imports)

    def run(
        self, request: PytestRequest, run: StartRun, say: Callable[[str], None]
    ) -> tuple[PytestRun, float]:
        """How a run ended, and how many seconds were spent beside it to prove something."""
        self._say = say
        if self._is_off:
            return run(), 0.0
        why = "pytest-xdist starts its workers itself" if request.workers else None
        if sys.platform != "linux":
            why = "they are forked on Linux only"
        if why is not None:
            self._give_up(why)
            return run(), 0.0
        if self._environment.stamp() != self._stamp:
            self._forget("packages were installed or removed")
        self._listen_to_others()
        if self._learned is None:
            return self._first(run), 0.0
        if self._learned.is_proved:
            ended = self._forked(self._learned, run)
        else:
            if self._may_prove():
                self._load_meanwhile(self._learned.imports)
            ended = run()
            self._listen_to_others()  # what they proved is not to be overwritten
            if not self._learned.is_proved:
                self._started(self._learned, ended)
        began_s = time.monotonic()
        if self._may_prove() and ended.run.finished and not ended.process.stopped:
            self._prove(run, ended)
        return ended, time.monotonic() - began_s

    def close(self) -> None:
        """End the process that is forked."""
        if self._server is not None:
            self._server.close()
            self._server = None

    def _listen_to_others(self) -> None:
        """Take over what another process has proved meanwhile."""
        if self._learned is not None and not self._learned.is_proved:
            found = known(self._stamp)
            if found is not None and found.is_proved:
                self.close()
                self._learned = found

    def _first(self, run: StartRun) -> PytestRun:
        with tempdirs.folder("imports") as name:
            file = Path(name, "imports.json")
            ended = run(imports=file)
            found = ImportLog.read(file)
        if found is None:
            return ended
        if found.unfit is not None:
            self._give_up(found.unfit)
        else:
            self._started(Learned(found), ended)
        return ended

    def _started(self, learned: Learned, ended: PytestRun) -> None:
        """Count what a started run spent on loading, and what a proof by the like would cost."""
        spent_s = max(0.0, ended.collect_s - _ANYHOW_S)
        self._proof_s = ended.process.duration_s
        if self._server is not None:  # it has loaded meanwhile
            self._proof_s -= ended.collect_s
        self._remember(replace(learned, spent_s=learned.spent_s + spent_s))

    def _may_prove(self) -> bool:
        learned = self._learned
        if learned is None or learned.candidate is None or self._is_off:
            return False
        return self._pays(learned)

    def _pays(self, learned: Learned) -> bool:
        """Whether runs have spent as long on loading as a proof takes."""
        return 0 < learned.spent_s >= self._proof_s

    def _prove(self, run: StartRun, first: PytestRun) -> None:
        """Fork what ran already, and compare."""
        learned = self._learned
        assert learned is not None
        assert learned.candidate is not None
        if learned.is_proved:
            self.close()  # it holds less
        try:
            forked, imports = self._as_far_as_it_goes(learned.candidate, run)
        except NotForked as error:
            self._is_not_proved(learned, error.why)
            return
        if odd := _differing(first.run, forked.run):
            again = run()  # what changes from one start to the next was not changed by the fork
            chance = set(_differing(first.run, again.run))
            if steady := [id_ for id_ in odd if id_ not in chance]:
                ways = first.run.outcome_of(steady[0]), forked.run.outcome_of(steady[0])
                how = f"{steady[0]} is {_shown(ways[0])}, and forked {_shown(ways[1])}"
                self._is_not_proved(learned, how)
                return
        self._remember(Learned(imports, is_proved=True))

    def _is_not_proved(self, learned: Learned, why: str) -> None:
        """Go on with what was proved before; without any, start every run."""
        self._remember(replace(learned, more=None, spent_s=0.0))
        if learned.is_proved:
            self.close()
            self._grows = False
        else:
            self._give_up(why)

    def _as_far_as_it_goes(self, imports: ImportLog, run: StartRun) -> tuple[PytestRun, ImportLog]:
        """A forked run, and what could be loaded for it: one module after the other is left out.

        Raises:
            NotForked: it does not go without any of them.
        """
        for _ in range(_LEFT_OUT):
            try:
                return run(start=self._begin(imports).start), imports
            except NotForked as error:
                if error.module is None:
                    raise
                self.close()
                imports = imports.without(error.module)
        return run(start=self._begin(imports).start), imports

    def _forked(self, learned: Learned, run: StartRun) -> PytestRun:
        try:
            server = self._begin(learned.imports)
            if not self._grows:
                return run(start=server.start)
            with tempdirs.folder("imports") as name:
                file = Path(name, "imports.json")
                ended = run(start=server.start, imports=file)
                found = ImportLog.read(file)
        except EnvironmentChanged as error:
            self._forget(error.why)
            return self._first(run)
        except NotForked as error:
            self._give_up(error.why)
            return run()
        if found is not None and found.unfit is None:
            self._learn_more(learned, found, ended, server.seconds)
        return ended

    def _learn_more(
        self, learned: Learned, found: ImportLog, ended: PytestRun, load_s: float
    ) -> None:
        """Remember what a forked run loaded beside, and count what others had loaded before it."""
        loaded = learned.imports.modules
        if not (new := found.modules - loaded):
            return
        again = 0 if learned.more is None else len(new & learned.more.modules)
        self._proof_s = load_s + ended.process.duration_s
        more = (learned.more or learned.imports).followed_by(found)
        spent_s = learned.spent_s + load_s * again / len(loaded)
        self._remember(replace(learned, more=more, spent_s=spent_s))

    def _load_meanwhile(self, imports: ImportLog) -> None:
        with contextlib.suppress(NotForked):  # whoever needs it will hear of it
            self._begin(imports)

    def _begin(self, imports: ImportLog) -> Server:
        """The process that loads `imports`, started if there is none."""
        if self._server is None:
            python = self._environment.python
            self._server = Server(imports, python, self._cwd, base_environment(python))
        return self._server

    def _remember(self, learned: Learned) -> None:
        self._learned = learned
        keep(self._stamp, learned)

    def _forget(self, why: str) -> None:
        """Begin anew with the next run."""
        self.close()
        self._say(f"{why}: packages are loaded anew")
        self._stamp = self._environment.stamp()
        self._learned = None

    def _give_up(self, why: str) -> None:
        """Start every other run of the session."""
        self.close()
        self._is_off = True
        self._say(f"every run of pytest starts anew: {why}")


def _differing(one: TestRun, other: TestRun) -> list[str]:
    """The ids that do not fare in two runs alike, those of one run only included."""
    ids = dict.fromkeys(
        [*one.ids, *other.ids, *one.deselected, *other.deselected,
         *one.collect_errors, *other.collect_errors]
    )  # fmt: skip
    odd = [id_ for id_ in ids if one.outcome_of(id_) != other.outcome_of(id_)]
    if not odd and one.ids != other.ids:  # the same ids in another order
        odd = [a for a, b in zip(one.ids, other.ids, strict=True) if a != b]
    return odd


def _shown(way: tuple[str, ...]) -> str:
    return " and ".join(way) or "green"
