"""`orchestrate plan`: writes a plan from what the repository holds, or brings one up to date."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from orchestrator.checks.config import read_config
from orchestrator.checks.discover import project_top
from orchestrator.cli.scan import scanned
from orchestrator.console.drafting import show_draft, show_nothing_to_do
from orchestrator.console.streams import data, say
from orchestrator.drafting import memory_safety, trial
from orchestrator.drafting.draft import Bounds, Draft
from orchestrator.drafting.owners import owners
from orchestrator.drafting.place import check_free, reports_folder, written
from orchestrator.drafting.tests import left_out_by_builds, named_tests
from orchestrator.drafting.text import text_of
from orchestrator.errors import BadInput, Exit
from orchestrator.events import Event, Said
from orchestrator.fixers.memory_safety.options import Grouping, Require
from orchestrator.foreign import as_argument
from orchestrator.plan.base import OptionValue
from orchestrator.safety.session import How
from orchestrator.words import plural
from orchestrator.workspace import DEFAULT_PLAN

MEMORY_SAFETY = "memory-safety"


@dataclass(frozen=True, slots=True)
class Asked:
    """What a person typed."""

    paths: Sequence[str] = ()
    fixer: str = MEMORY_SAFETY
    options: Sequence[str] = ()
    run: Sequence[str] = ()
    codemod: str | None = None
    instructions: str | None = None
    grouping: str = Grouping.FILE.value
    require: str | None = None
    bounds: Bounds = field(default_factory=Bounds)
    tests: Sequence[str] = ()
    output: Path | None = None
    dry_run: bool = False
    python: str | None = None


def plan_from_scratch(asked: Asked) -> Exit:
    """Write the plan, or print it; nothing else is changed.

    Raises:
        BadInput: there is one already, or an option means nothing.
    """
    top = project_top(Path.cwd())
    target = asked.output.expanduser().absolute() if asked.output else top / DEFAULT_PLAN
    if not asked.dry_run:
        check_free(target)
    made = drafted(asked, top)
    if made is None:
        return Exit.DONE
    text = text_of(made)
    if asked.dry_run:
        data(text)
        return Exit.DONE
    file, checked, has_schema = written(top, text, target)
    for note in left_out_by_builds(top):
        say(note, "yellow")
    show_draft(made, checked, file, has_schema=has_schema, words=_words(asked))
    return Exit.DONE


def drafted(asked: Asked, top: Path) -> Draft | None:
    """The plan that fits; None where nothing is to be done, which is then told."""
    if asked.fixer == MEMORY_SAFETY and not (asked.run or asked.codemod):
        return _memory_safety(asked, top)
    change = trial.Change(_fixer(asked), _options(asked), asked.instructions, asked.paths)
    trial.check_change(change)
    found = trial.tried(top, change, How(asked.python, command="plan"), _tell)
    for refusal in found.refused[:5]:
        say(f"  refused: {refusal.path}: {refusal.reason}", "yellow")
    if not found.items:
        files, refused = plural(found.asked, "file"), len(found.refused)
        none = f"would change none of {'the others' if refused else files}"
        said = f"refused {refused:,} of {files} and {none}" if refused else none
        say(f"{change.fixer} {said}; nothing to plan")
        return None
    return trial.draft(
        change, found, top, asked.bounds, owners(top), reports_folder(top),
        named_tests(asked.tests),
    )  # fmt: skip


def _memory_safety(asked: Asked, top: Path) -> Draft | None:
    for given, known, name in (
        (asked.grouping, Grouping, "--grouping"),
        (asked.require, Require, "--require"),
    ):
        if given is not None and given not in set(known):
            words = " or ".join(known)
            raise BadInput(f"{name} is {given!r}; it can be {words}", next_step="orchestrate plan")
    if asked.options or asked.instructions:
        raise BadInput(
            "--option and --instructions are for another --fixer",
            next_step="orchestrate fixers",
        )
    found = scanned(asked.paths)
    usual = str(read_config(top).options.get("require", Require.MOCKS))
    wishes = memory_safety.Wishes(
        asked.bounds,
        Grouping(asked.grouping),
        Require(asked.require or usual),
        named_tests(asked.tests),
    )
    made = memory_safety.draft(found, wishes, owners(top), reports_folder(top))
    if not made.phases:
        show_nothing_to_do(found)
        return None
    return made


def _fixer(asked: Asked) -> str:
    if asked.fixer != MEMORY_SAFETY:
        return asked.fixer
    return "codemod" if asked.codemod else "command"


def _options(asked: Asked) -> Mapping[str, OptionValue]:
    import yaml

    options: dict[str, OptionValue] = {}
    if asked.run:
        options["run"] = asked.run[0] if len(asked.run) == 1 else list(asked.run)
    if asked.codemod:
        options["codemod"] = asked.codemod
    for given in asked.options:
        name, equals, value = given.partition("=")
        if not equals:
            raise BadInput(f"--option is NAME=VALUE, not {given!r}", next_step="orchestrate fixers")
        try:
            options[name] = yaml.safe_load(value)
        except yaml.YAMLError as error:
            raise BadInput(
                f"--option {name}: {value!r} is no value of YAML", next_step="orchestrate fixers"
            ) from error
    return options


def _words(asked: Asked) -> str:
    """What `next-batch` must be told as well."""
    executes = asked.run or asked.codemod or asked.fixer != MEMORY_SAFETY
    words = ["--trust"] if executes else []
    words += ["--python", asked.python] if asked.python else []
    words = ["--plan", str(asked.output), *words] if asked.output else words
    return "".join(f" {as_argument(word)}" for word in words)


def _tell(event: Event) -> None:
    if isinstance(event, Said):
        say(f"  {event.what}", "dim")
