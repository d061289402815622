"""`orchestrate fix`: the pattern on named files, outside any plan."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from orchestrator.checks.config import read_config
from orchestrator.checks.discover import discovered
from orchestrator.checks.fix import Fixes, computed, written
from orchestrator.console.streams import data, raw, say
from orchestrator.errors import BadInput, Exit
from orchestrator.fixers.base import Edit, NoChange, Outcome, Refusal, Source
from orchestrator.fixers.memory_safety.options import problems
from orchestrator.git import find_top
from orchestrator.plan.base import OptionValue
from orchestrator.report.diff import unified
from orchestrator.report.message import counts_in_words
from orchestrator.words import plural


@dataclass(frozen=True, slots=True)
class Asked:
    """The options of `fix`; `options` are those of the fixer that were given."""

    paths: Sequence[str]
    options: dict[str, OptionValue]
    diff: bool
    check: bool


def fix(asked: Asked) -> Exit:
    """Add what is missing in the named files, or say what would be added.

    RED where a file was refused, or with `check` where one would change.

    Raises:
        BadInput: there is no such file, or an option means nothing.
    """
    here = Path.cwd()
    top = (find_top(here) or here).resolve()
    config = read_config(top)
    options = {**config.options, **asked.options}
    paths = discovered(asked.paths, here=here.resolve(), top=top, exclude=config.exclude)
    for problem in problems(paths[0] if paths else "test_it.py", options):
        raise BadInput(problem, next_step="orchestrate fix --help")
    if "group" in options and len(paths) > 1:
        say("one group for several files pins them all to one worker", "yellow")
    sources = [Source(path, (top / path).read_bytes(), options) for path in paths]
    fixes = computed(sources, top=top)
    writes = not (asked.diff or asked.check)
    done = written(fixes, top=top) if writes else list(fixes.outcomes)
    if asked.diff:
        _show_diff(fixes)
    for outcome in done:
        _show(outcome, writes=writes, quiet=asked.diff or len(done) > len(asked.paths))
    _summary(done, writes=writes)
    return _exit(done, check=asked.check)


def _show_diff(fixes: Fixes) -> None:
    for outcome in fixes.outcomes:
        if isinstance(outcome, Edit):
            raw(unified(outcome.path, fixes.before[outcome.path], outcome.data))


def _show(outcome: Outcome, *, writes: bool, quiet: bool) -> None:
    match outcome:
        case Edit(path, _, counts, _):
            line = f"{'fixed' if writes else 'would fix'}: {path}: {counts_in_words(counts)}"
            say(line) if quiet else data(line)
        case NoChange(path):
            if not quiet:
                data(f"no changes needed: {path}")
        case Refusal(path, reason):
            say(f"refused: {path}: {reason}", "red")
    if not quiet:
        for note in getattr(outcome, "notes", ()):
            say(f"  note: {note}", "yellow")


def _summary(done: Sequence[Outcome], *, writes: bool) -> None:
    kinds = Counter(type(outcome) for outcome in done)
    total: Counter[str] = Counter()
    for outcome in done:
        if isinstance(outcome, Edit):
            total.update(outcome.counts)
    verb = "fixed" if writes else "would be fixed"
    say(
        f"{plural(len(done), 'file')}: {kinds[Edit]} {verb} ({counts_in_words(total)}), "
        f"{kinds[NoChange]} without need, {kinds[Refusal]} refused",
        "bold",
    )
    if kinds[Edit] and not writes:
        sys.stderr.flush()


def _exit(done: Sequence[Outcome], *, check: bool) -> Exit:
    if any(isinstance(outcome, Refusal) for outcome in done):
        return Exit.RED
    return Exit.RED if check and any(isinstance(outcome, Edit) for outcome in done) else Exit.DONE
