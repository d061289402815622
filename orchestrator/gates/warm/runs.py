"""Decides of every run of pytest whether it is forked, and proves that this changes nothing."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

from orchestrator import temporary
from orchestrator.gates.events import TestRun
from orchestrator.gates.pytest_run import Ended, Request, base_environment
from orchestrator.gates.warm.imports import Environment, Imports, keep, known
from orchestrator.gates.warm.server import EnvironmentChanged, NotForked, Server
from orchestrator.process import Start

_WORTH_S = 1.0
"""To load for less than that is not worth a process of its own."""

_LEFT_OUT = 12
"""How many modules are left out of what is loaded, at most, before runs are started instead."""


class Run(Protocol):
    """Runs pytest once: started by `start` where that is given; `imports` is told what it loads."""

    def __call__(self, *, start: Start | None = None, imports: Path | None = None) -> Ended:
        """How it ended."""
        ...


class Warm:
    """The runs of one session: the first is started and learned from, a later one is proof.

    That one is started and forked as well, as soon as runs have spent as long on loading as the
    proof will take. Where both come to the same, every other run is forked; else every other is
    started. `say` is told why. What was proved holds for later sessions, as long as interpreter,
    packages and environment are the same.

    Forked runs are learned from as well: once they have spent as long on loading again what others
    had loaded before them as one more proof will take, that is loaded for all of them.
    """

    def __init__(self, environment: Environment, cwd: Path, say: Callable[[str], None]) -> None:
        """Begin to load at once what was proved before."""
        self._environment = environment
        self._stamp = environment.stamp()
        self._cwd = cwd
        self.say = say
        self._server: Server | None = None
        self._is_off = False
        self._imports = known(self._stamp) if sys.platform == "linux" else None
        self._proved = self._imports is not None
        self._more: Imports | None = None
        self._grows = True
        self._spent_loading_s = self._proof_s = 0.0
        if self._imports is not None:
            with contextlib.suppress(NotForked):  # the first run will hear of it
                self._begin(self._imports)

    def run(self, request: Request, run: Run) -> tuple[Ended, float]:
        """How a run ended, and how many seconds were spent beside it to prove something."""
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
        if self._imports is None:
            return self._learned(run), 0.0
        if not self._proved and (proved := known(self._stamp)) is not None:
            self._use(proved)  # by another process, meanwhile
        if self._proved and (self._more is None or not self._may_prove()):
            return self._forked(run), 0.0
        if not self._may_prove():
            return self._started(run()), 0.0
        return self._proof(self._more or self._imports, run)

    def close(self) -> None:
        """End the process that is forked."""
        if self._server is not None:
            self._server.close()
            self._server = None

    def _learned(self, run: Run) -> Ended:
        with temporary.folder("imports") as name:
            file = Path(name, "imports.json")
            ended = run(imports=file)
            found = Imports.read(file)
        if found is not None and found.unfit is not None:
            self._give_up(found.unfit)
        elif found is not None:
            self._imports = found
        return self._started(ended)

    def _started(self, ended: Ended) -> Ended:
        """Count what a started run spent on loading, and what a proof by the like would cost."""
        if ended.collect_s >= _WORTH_S:
            self._spent_loading_s += ended.collect_s
        self._proof_s = ended.process.duration_s - ended.collect_s
        return ended

    def _may_prove(self) -> bool:
        """Whether runs have spent as long on loading as a proof will take."""
        return 0 < self._spent_loading_s >= self._proof_s

    def _proof(self, imports: Imports, run: Run) -> tuple[Ended, float]:
        self.close()
        self._begin(imports)  # it loads beside the run
        ended = run()
        if not ended.run.finished or ended.process.stopped:
            return ended, 0.0
        try:
            forked, imports = self._as_far_as_it_goes(imports, run)
        except NotForked as error:
            self._is_not_proved(error.why)
            return ended, 0.0
        spent_s = forked.process.duration_s
        if odd := _differing(ended.run, forked.run):
            again = run()  # what changes from one start to the next was not changed by the fork
            spent_s += again.process.duration_s
            chance = set(_differing(ended.run, again.run))
            if steady := [id_ for id_ in odd if id_ not in chance]:
                ways = ended.run.way(steady[0]), forked.run.way(steady[0])
                how = f"{steady[0]} is {_shown(ways[0])}, and forked {_shown(ways[1])}"
                self._is_not_proved(how)
                return ended, spent_s
        self._use(imports)
        keep(self._stamp, imports)
        return ended, spent_s

    def _use(self, proved: Imports) -> None:
        """Fork what holds these from here on."""
        self._imports, self._proved, self._more = proved, True, None
        self._spent_loading_s = 0.0

    def _is_not_proved(self, why: str) -> None:
        """Go on with what was proved before; without any, start every run."""
        if not self._proved:
            self._give_up(why)
            return
        self.close()
        self._grows, self._more = False, None

    def _as_far_as_it_goes(self, imports: Imports, run: Run) -> tuple[Ended, Imports]:
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

    def _forked(self, run: Run) -> Ended:
        if self._imports is None:
            return run()
        server = self._begin(self._imports)
        try:
            return self._learning_more(run, server)
        except EnvironmentChanged as error:
            self._forget(error.why)
            return self._learned(run)
        except NotForked as error:
            self._give_up(error.why)
            return run()

    def _learning_more(self, run: Run, server: Server) -> Ended:
        if not self._grows:
            return run(start=server.start)
        with temporary.folder("imports") as name:
            file = Path(name, "imports.json")
            ended = run(start=server.start, imports=file)
            found = Imports.read(file)
        if found is not None:
            self._learn_more(found, ended, server.seconds)
        return ended

    def _learn_more(self, found: Imports, ended: Ended, load_s: float) -> None:
        """Remember what a forked run loaded beside, and count what others had loaded before it."""
        assert self._imports is not None
        loaded = self._imports.modules
        if found.unfit is not None or not (new := found.modules - loaded):
            return
        if self._more is not None:
            again = len(new & self._more.modules)
            self._spent_loading_s += load_s * again / len(loaded)
        self._more = (self._more or self._imports).followed_by(found)
        self._proof_s = load_s + ended.process.duration_s

    def _begin(self, imports: Imports) -> Server:
        """The process that loads `imports`, started if there is none."""
        if self._server is None:
            python = self._environment.python
            self._server = Server(imports, python, self._cwd, base_environment(python))
        return self._server

    def _forget(self, why: str) -> None:
        """Begin anew with the next run."""
        self.close()
        self.say(f"{why}: packages are loaded anew")
        self._stamp = self._environment.stamp()
        self._imports, self._proved, self._more = None, False, None

    def _give_up(self, why: str) -> None:
        """Start every other run of the session."""
        self.close()
        self._is_off = True
        self.say(f"every run of pytest starts anew: {why}")


def _differing(one: TestRun, other: TestRun) -> list[str]:
    """The ids that do not fare in two runs alike, those of one run only included."""
    ids = dict.fromkeys(
        [*one.ids, *other.ids, *one.deselected, *other.deselected,
         *one.collect_errors, *other.collect_errors]
    )  # fmt: skip
    odd = [id_ for id_ in ids if one.way(id_) != other.way(id_)]
    if not odd and one.ids != other.ids:  # the same ids in another order
        odd = [a for a, b in zip(one.ids, other.ids, strict=True) if a != b]
    return odd


def _shown(way: tuple[str, ...]) -> str:
    return " and ".join(way) or "green"
