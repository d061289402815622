"""`orchestrate plan`: writes a plan from what the repository holds, or brings one up to date."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from orchestrator.base.escape import as_argument
from orchestrator.base.text import plural
from orchestrator.console.drafting import show_draft
from orchestrator.console.streams import data, say
from orchestrator.engine.context.events import Event, Notice
from orchestrator.engine.context.options import RunOptions
from orchestrator.engine.context.workspace import DEFAULT_PLAN
from orchestrator.errors import BadInput, Exit
from orchestrator.plan.base import OptionValue
from orchestrator.planning import trial
from orchestrator.planning.draft import BatchBounds, Draft
from orchestrator.planning.drafter import DraftRequest, drafter_of
from orchestrator.planning.place import check_free, reports_folder, written
from orchestrator.planning.tests import left_out_by_builds, named_tests
from orchestrator.planning.text import text_of
from orchestrator.project.codeowners import owners
from orchestrator.project.discover import project_top

DEFAULT_FIXER = "memory-safety"
"""What a plan is for where neither a fixer nor a command is named."""


@dataclass(frozen=True, slots=True)
class PlanOptions:
    """What a person typed."""

    paths: Sequence[str] = ()
    fixer: str = DEFAULT_FIXER
    options: Sequence[str] = ()
    run: Sequence[str] = ()
    codemod: str | None = None
    instructions: str | None = None
    wishes: Mapping[str, str | None] = field(default_factory=dict)
    bounds: BatchBounds = field(default_factory=BatchBounds)
    tests: Sequence[str] = ()
    output: Path | None = None
    dry_run: bool = False
    python: str | None = None


def plan_from_scratch(asked: PlanOptions) -> Exit:
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


def drafted(asked: PlanOptions, top: Path) -> Draft | None:
    """Return the plan that fits; None where nothing is to be done, which is then told."""
    drafter = None if asked.run or asked.codemod else drafter_of(asked.fixer)
    if drafter is not None:
        if asked.options or asked.instructions:
            raise BadInput(
                "--option and --instructions are for another --fixer",
                next_step="orchestrate fixers",
            )
        return drafter.draft(request_of(asked), top, owners(top), reports_folder(top))
    change = trial.ChangeRequest(_fixer(asked), _options(asked), asked.instructions, asked.paths)
    trial.check_change(change)
    found = trial.tried(top, change, RunOptions(asked.python, command="plan"), _tell)
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


def request_of(asked: PlanOptions) -> DraftRequest:
    """Return what a drafter is asked for."""
    return DraftRequest(asked.paths, asked.bounds, asked.wishes, named_tests(asked.tests))


def _fixer(asked: PlanOptions) -> str:
    if asked.fixer != DEFAULT_FIXER:
        return asked.fixer
    return "codemod" if asked.codemod else "command"


def _options(asked: PlanOptions) -> Mapping[str, OptionValue]:
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


def _words(asked: PlanOptions) -> str:
    """What `next-batch` must be told as well."""
    executes = asked.run or asked.codemod or drafter_of(asked.fixer) is None
    words = ["--trust"] if executes else []
    words += ["--python", asked.python] if asked.python else []
    words = ["--plan", str(asked.output), *words] if asked.output else words
    return "".join(f" {as_argument(word)}" for word in words)


def _tell(event: Event) -> None:
    if isinstance(event, Notice):
        say(f"  {event.what}", "dim")
