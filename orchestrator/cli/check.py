"""`orchestrate check`: the rules on named files, outside any plan; also `orchestrate-check`."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from orchestrator.errors import BadInput, Exit

if TYPE_CHECKING:
    from orchestrator.checks.config import Config
    from orchestrator.checks.run import Checked

FORMATS = ("text", "json", "github", "sarif")


def run(arguments: Sequence[str], *, prog: str) -> Exit:
    """Run the check; exit 0, 1 (an error was found) or 2 (bad arguments or configuration)."""
    return check(parser(prog).parse_args(arguments))


def check(options: argparse.Namespace) -> Exit:
    """Check the files that are meant, print what was found, fix where that was asked for.

    Raises:
        BadInput: there is no such file, or the configuration means nothing.
    """
    from orchestrator.checks.config import read_config
    from orchestrator.checks.discover import discovered, project_top
    from orchestrator.checks.run import checked

    here = Path.cwd()
    top = project_top(here)
    config = read_config(top)
    if options.require:
        config.options["require"] = options.require
    paths = discovered(options.paths, here=here, top=top, exclude=config.exclude)
    found = list(checked(paths, top=top, config=config))
    if options.fix or options.diff:
        bad = [one.path for one in found if one.has_errors]
        refused = _fix(bad, top=top, config=config, write=options.fix)
        if options.fix:
            again = {one.path: one for one in checked(bad, top=top, config=config)}
            found = [again.get(one.path, one) for one in found]
        for path, reason in refused.items():
            sys.stderr.write(f"refused: {_shown(path, top, here)}: {reason}\n")
        if options.diff:
            return _exit(found, exit_zero=options.exit_zero)
    _print(found, options.format, top=top, here=here)
    _summary(found, len(paths))
    return _exit(found, exit_zero=options.exit_zero)


def arguments(
    paths: Sequence[str], *, form: str, fix: bool, diff: bool, require: str | None, exit_zero: bool
) -> argparse.Namespace:
    """The same options from another command line.

    Raises:
        BadInput: one of them has a value that means nothing.
    """
    if form not in FORMATS:
        raise BadInput(f"no format is called {form!r}; known are {', '.join(FORMATS)}")
    if require not in {None, "mocks", "all"}:
        raise BadInput(f"--require is {require!r}; it can be mocks or all")
    return argparse.Namespace(
        paths=list(paths), format=form, fix=fix, diff=diff, require=require, exit_zero=exit_zero
    )


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
    return made


def _fix(paths: Sequence[str], *, top: Path, config: Config, write: bool) -> dict[str, str]:
    """Fix the files, or print the diff; the reasons of those that cannot be."""
    from orchestrator.checks.fix import computed, written
    from orchestrator.fixers.base import Edit, Refusal, Source

    sources = [Source(path, (top / path).read_bytes(), config.options) for path in paths]
    fixes = computed(sources, top=top)
    done = written(fixes, top=top) if write else fixes.outcomes
    if not write:
        from orchestrator.report.diff import unified

        for outcome in done:
            if isinstance(outcome, Edit):
                diff = unified(outcome.path, fixes.before[outcome.path], outcome.data)
                sys.stdout.buffer.write(diff.encode("utf-8", "surrogateescape"))
    return {outcome.path: outcome.reason for outcome in done if isinstance(outcome, Refusal)}


def _print(found: Sequence[Checked], form: str, *, top: Path, here: Path) -> None:
    from orchestrator import __version__
    from orchestrator.report import findings

    pairs = [(one.path, one.findings) for one in found if one.findings]
    match form:
        case "json":
            lines = [findings.as_json(pairs)]
        case "sarif":
            lines = [findings.sarif(pairs, __version__)]
        case "github":
            lines = list(findings.github(pairs))
        case _:
            lines = list(findings.text((_shown(path, top, here), some) for path, some in pairs))
    if lines:
        sys.stdout.write("\n".join(lines) + "\n")


def _shown(path: str, top: Path, here: Path) -> str:
    """A path as a person at `here` would type it."""
    return path if here == top else os.path.relpath(top / path, here)


def _summary(found: Sequence[Checked], files: int) -> None:
    errors = sum(f.level.value == "error" for one in found for f in one.findings)
    bad = sum(one.has_errors for one in found)
    if errors:
        sys.stderr.write(
            f"{errors} error{'s' * (errors != 1)} in {bad} of {files} files; "
            "orchestrate-check --fix adds what is missing\n"
        )


def _exit(found: Sequence[Checked], *, exit_zero: bool) -> Exit:
    failed = any(one.has_errors for one in found) and not exit_zero
    return Exit.RED if failed else Exit.DONE
