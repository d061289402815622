"""`orchestrate fix`: the pattern on named files, outside any plan."""

from __future__ import annotations

import argparse
import os
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from orchestrator import __version__
from orchestrator.base.reading import read_regular
from orchestrator.base.text import counts_in_words, plural
from orchestrator.console.streams import answer, next_step, raw, say
from orchestrator.errors import BadInput, Exit
from orchestrator.fixers.outcome import Edit, NoChange, Outcome, Refusal, Source
from orchestrator.memory_safety.check.config import read_config
from orchestrator.memory_safety.check.fix import Fixes, computed, written
from orchestrator.memory_safety.fixer import FIXER
from orchestrator.memory_safety.fixer.values.options import problems
from orchestrator.project.discover import discovered, project_top

if TYPE_CHECKING:
    from orchestrator.plan.base import OptionValue


def run(arguments: Sequence[str], *, prog: str) -> Exit:
    """Add what test classes lack, in the files you name; outside any plan.

    Exit 0, 1 (refused, or `--check` found work) or 2 (bad arguments).
    """
    return fix(parser(prog).parse_args(arguments))


def fix(asked: argparse.Namespace) -> Exit:
    """Add what is missing in the named files, or say what would be added.

    RED where a file was refused, or with `check` where one would change.

    Raises:
        BadInput: there is no such file, or an option means nothing.
    """
    here = Path.cwd()
    top = project_top(here)
    config = read_config(top)
    options = {**config.options, **_options(asked)}
    for problem in problems("test_it.py", options):
        raise BadInput(problem, next_step="orchestrate fix --help")
    paths = discovered(asked.paths, here=here, top=top, exclude=config.exclude)
    if "group" in options and len(paths) > 1:
        say("one group for several files pins them all to one worker", "yellow")
    sources = [Source(path, read_regular(top / path), options) for path in paths]
    fixes = computed(sources, top=top)
    changed = {outcome.path for outcome in fixes.outcomes if isinstance(outcome, Edit)}
    for path, message in FIXER.conflicts([one for one in sources if one.path in changed]):
        say(f"{os.path.relpath(top / path, here)}: {message} with --group", "yellow")
    writes = not (asked.diff or asked.check)
    done = written(fixes, top=top) if writes else list(fixes.outcomes)
    if asked.diff:
        _show_diff(fixes)
    for outcome in done:
        shown = os.path.relpath(top / outcome.path, here)
        _show(outcome, shown, writes=writes, quiet=asked.diff or len(done) > len(asked.paths))
    _summary(done, writes=writes)
    return _exit(done, check=asked.check)


def parser(prog: str) -> argparse.ArgumentParser:
    """The options of `fix`."""
    made = argparse.ArgumentParser(
        prog=prog, description="Add what test classes lack, in the files you name."
    )
    made.add_argument("paths", nargs="+", metavar="FILE", help="files, folders or patterns")
    made.add_argument("--group", help="the group; default: from the file's name")
    made.add_argument(
        "--grouping", choices=("file", "class"), help="one group for a file, or one for each class"
    )
    made.add_argument("--diff", action="store_true", help="show the diff, write nothing")
    made.add_argument(
        "--check", action="store_true", help="write nothing; exit 1 where something would change"
    )
    made.add_argument(
        "--require", choices=("mocks", "all"), help="which classes are asked for the pattern"
    )
    made.add_argument(
        "--clear-instance", action="store_true", help="teardowns empty the instance as well"
    )
    made.add_argument(
        "--skip-under-xdist", action="store_true", help="classes that must run alone: skip them"
    )
    made.add_argument("--docstring", metavar="TEXT", help="docstring of new teardowns")
    made.add_argument("--version", action="version", version=__version__)
    return made


def _options(asked: argparse.Namespace) -> dict[str, OptionValue]:
    """The options of the fixer that were given."""
    names = ("group", "grouping", "require", "docstring", "clear_instance", "skip_under_xdist")
    return {name: value for name in names if (value := getattr(asked, name)) not in {None, False}}


def _show_diff(fixes: Fixes) -> None:
    from orchestrator.base.diff import unified

    for outcome in fixes.outcomes:
        if isinstance(outcome, Edit):
            raw(unified(outcome.path, fixes.before[outcome.path], outcome.data))


def _show(outcome: Outcome, path: str, *, writes: bool, quiet: bool) -> None:
    match outcome:
        case Edit(counts=counts):
            line = f"{'fixed' if writes else 'would fix'}: {path}: {counts_in_words(counts)}"
            say(line) if quiet else answer(line)
        case NoChange():
            if not quiet:
                answer(f"no changes needed: {path}")
        case Refusal(reason=reason):
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
    if kinds[Refusal]:
        next_step("mend what the reasons name; `# memory-safety: ignore` leaves one class alone")
    elif kinds[Edit] and not writes:
        next_step("the same without --diff and --check writes it")


def _exit(done: Sequence[Outcome], *, check: bool) -> Exit:
    if any(isinstance(outcome, Refusal) for outcome in done):
        return Exit.RED
    return Exit.RED if check and any(isinstance(outcome, Edit) for outcome in done) else Exit.DONE
