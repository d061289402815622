"""`orchestrate check`: the rules on named files, outside any plan; also `orchestrate-check`."""

from __future__ import annotations

import argparse
import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from orchestrator import __version__
from orchestrator.base.escape import as_argument, on_one_line
from orchestrator.base.reading import read_regular
from orchestrator.errors import BadInput, Exit

if TYPE_CHECKING:
    from orchestrator.fixers.outcome import Outcome, Source
    from orchestrator.memory_safety.check.config import Config
    from orchestrator.memory_safety.check.ratchet import Ratchet
    from orchestrator.memory_safety.check.run import Checked

_SHOWN_PATHS = 3
FORMATS = ("text", "json", "github", "sarif")


def run(arguments: Sequence[str], *, prog: str) -> Exit:
    """Check test classes for the pattern, outside any plan; or ask what is left of a phase.

    Exit 0, 1 (an error was found) or 2 (bad arguments or configuration).
    """
    options = parser(prog).parse_args(arguments)
    if options.phase is not None:
        from orchestrator.cli.left import left
        from orchestrator.engine.context.options import RunOptions

        if options.paths or options.fix or options.diff or options.ratchet:
            raise BadInput(
                "--phase asks about the files of a phase, and changes none",
                next_step=f"orchestrate check --phase {as_argument(options.phase)}",
            )
        return left(options.plan, options.phase, RunOptions(options.python, trust=options.trust))
    return check(options)


def check(options: argparse.Namespace) -> Exit:
    """Check the files that are meant, print what was found, fix where that was asked for.

    Raises:
        BadInput: there is no such file, or an option or the configuration means nothing.
    """
    from orchestrator.memory_safety.check.config import read_config
    from orchestrator.memory_safety.check.run import with_shared_groups
    from orchestrator.project.discover import discovered, project_top

    if options.diff and options.format != "text":
        raise BadInput(
            "--diff prints a diff, and no format changes that", next_step=f"{options.prog} --diff"
        )
    here = Path.cwd()
    top = project_top(here)
    config = read_config(top)
    if options.require:
        config.options["require"] = options.require
    paths = discovered(options.paths, here=here, top=top, exclude=config.exclude)
    held = _ratchet(options, top=top, here=here)
    found = _found(paths, held, top=top, config=config)
    bad = [one.path for one in found if one.has_errors]
    sources = _sources(bad, held, top=top, config=config) if options.diff or options.fix else []
    if options.diff:
        _show_diff(sources, top=top, here=here)
    else:
        if options.fix:
            _write(sources, top=top, here=here)
            again = {one.path: one for one in _found(bad, held, top=top, config=config)}
            found = [again.get(one.path, one) for one in found]
        found = with_shared_groups(found)
        _print(found, options.format, top=top, here=here)
    _summary(found, options)
    return _exit(found, exit_zero=options.exit_zero)


def _ratchet(options: argparse.Namespace, *, top: Path, here: Path) -> Ratchet | None:
    """What the migration holds, where that is asked for and there is one."""
    if not options.ratchet:
        return None
    from orchestrator.memory_safety.check.ratchet import ratchet

    held = ratchet(options.plan, here=here, top=top)
    if held is not None and held.is_shallow:
        from orchestrator.console.streams import next_step, say

        say("warning: this is a shallow clone: files that no batch names are not checked")
        next_step("git fetch --unshallow")
    return held


def _found(
    paths: Sequence[str], held: Ratchet | None, *, top: Path, config: Config
) -> list[Checked]:
    """What is found; under the ratchet only in what is held."""
    if held is not None:
        from orchestrator.memory_safety.check.ratchet import ratcheted

        return ratcheted(paths, held, top=top, config=config)
    from orchestrator.memory_safety.check.run import checked

    return list(checked(paths, top=top, config=config))


def parser(prog: str) -> argparse.ArgumentParser:
    """The options of the check."""
    made = argparse.ArgumentParser(
        prog=prog, description="Check test classes for the pytest-xdist memory safety pattern."
    )
    made.add_argument(
        "paths", nargs="*", metavar="PATH", help="files, folders or patterns; default: testpaths"
    )
    made.add_argument("--format", choices=FORMATS, default="text", help="how findings are printed")
    made.add_argument("--fix", action="store_true", help="write what is missing")
    made.add_argument(
        "--diff", action="store_true", help="print what --fix would change; write nothing"
    )
    made.add_argument(
        "--require", choices=("mocks", "all"), help="which classes are asked for the pattern"
    )
    made.add_argument("--exit-zero", action="store_true", help="exit 0 whatever was found")
    made.add_argument(
        "--ratchet",
        action="store_true",
        help="hold what the plan's batches have landed and what is new, and nothing else",
    )
    made.add_argument(
        "--phase", metavar="ID", help="what is left in the files of this phase of the plan instead"
    )
    made.add_argument("--plan", type=Path, metavar="PATH", help="the plan of --phase and --ratchet")
    made.add_argument("--python", metavar="PATH", help="the project's interpreter, for --phase")
    made.add_argument(
        "--trust", action="store_true", help="run the commands of the plan, from now on as well"
    )
    made.add_argument("--version", action="version", version=__version__)
    made.set_defaults(prog=prog)
    return made


def _show_diff(sources: Sequence[Source], *, top: Path, here: Path) -> None:
    """Print what the fixer would change; nothing is written."""
    from orchestrator.base.diff import unified
    from orchestrator.console.streams import raw
    from orchestrator.fixers.outcome import Edit
    from orchestrator.memory_safety.check.fix import computed

    fixes = computed(sources, top=top)
    for outcome in fixes.outcomes:
        if isinstance(outcome, Edit):
            raw(unified(outcome.path, fixes.before[outcome.path], outcome.data))
    _tell(fixes.outcomes, top, here)


def _write(sources: Sequence[Source], *, top: Path, here: Path) -> None:
    """Fix the files, and say what was added and what was refused."""
    from orchestrator.base.text import counts_in_words
    from orchestrator.console.streams import say
    from orchestrator.fixers.outcome import Edit
    from orchestrator.memory_safety.check.fix import computed, written

    done = written(computed(sources, top=top), top=top)
    for outcome in done:
        if isinstance(outcome, Edit):
            say(f"fixed: {_shown(outcome.path, top, here)}: {counts_in_words(outcome.counts)}")
    _tell(done, top, here)


def _tell(outcomes: Sequence[Outcome], top: Path, here: Path) -> None:
    from orchestrator.console.streams import say
    from orchestrator.fixers.outcome import Refusal

    for outcome in outcomes:
        if isinstance(outcome, Refusal):
            say(f"refused: {_shown(outcome.path, top, here)}: {outcome.reason}")


def _sources(
    paths: Sequence[str], held: Ratchet | None, *, top: Path, config: Config
) -> list[Source]:
    """What the fixer is given, each with the options it was checked by."""
    from orchestrator.fixers.outcome import Source

    own = held.own_options() if held else {}

    readable = [path for path in paths if os.access(top / path, os.R_OK)]
    return [
        Source(path, read_regular(top / path), own.get(path, config.options)) for path in readable
    ]


def _print(found: Sequence[Checked], form: str, *, top: Path, here: Path) -> None:
    from orchestrator.console.streams import answer, data
    from orchestrator.memory_safety.check import formats
    from orchestrator.memory_safety.fixer.rules.findings import RULES

    pairs = [(one.path, one.findings) for one in found if one.findings]
    lines: list[str] = []
    match form:
        case "json":
            data(formats.as_json(pairs))
        case "sarif":
            data(formats.sarif(pairs, __version__, RULES))
        case "github":
            lines = list(formats.github(pairs))
        case _:
            lines = list(formats.text((_shown(path, top, here), some) for path, some in pairs))
    if lines:
        answer("\n".join(map(on_one_line, lines)))


def _shown(path: str, top: Path, here: Path) -> str:
    """A path as a person at `here` would type it."""
    return path if here == top else os.path.relpath(top / path, here)


def _summary(found: Sequence[Checked], options: argparse.Namespace) -> None:
    """How much was looked at and found wrong, and the command that mends it."""
    from orchestrator.base.text import plural
    from orchestrator.console.streams import say

    asked = [one for one in found if one.left_alone is None]
    errors = sum(len(one.errors) for one in asked)
    fixable = sum(len(one.errors) for one in asked if one.is_fixable)
    said = [f"{plural(errors, 'error') if errors else 'no errors'} in "]
    said.append(plural(len(asked), "test file"))
    if errors:
        said[1] = f"{sum(one.has_errors for one in asked)} of {said[1]}"
    if others := len(found) - len(asked):
        said.append(f", {plural(others, 'other file')} passed over")
    if errors > fixable:
        said.append(f"; {errors - fixable} for a person")
    if fixable:
        said.append(f"; {_fixing(options)} adds what is missing")
    say("".join(said))


def _fixing(options: argparse.Namespace) -> str:
    """The command that adds what is missing in the same files."""
    if len(options.paths) > _SHOWN_PATHS:
        return "the same with --fix"
    words = [*options.prog.split(), "--fix"]
    if options.require:
        words += ["--require", options.require]
    if options.ratchet:
        words.append("--ratchet")
    if options.plan:
        words += ["--plan", as_argument(str(options.plan))]
    return " ".join([*words, *map(as_argument, options.paths)])


def _exit(found: Sequence[Checked], *, exit_zero: bool) -> Exit:
    failed = any(one.has_errors for one in found) and not exit_zero
    return Exit.RED if failed else Exit.DONE
