"""The guard outside any plan: the files it is made of here, what they would hold, writing them."""

from __future__ import annotations

import json
import os
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path, PurePosixPath
from urllib.parse import urlsplit

from orchestrator.base import files
from orchestrator.base.changes import FILE_MODE, Content
from orchestrator.base.paths import RepoPath
from orchestrator.base.reading import read_if_there, read_text_of
from orchestrator.errors import BadInput, ChangedMeanwhile
from orchestrator.fixers.outcome import Edit, Outcome, Refusal, Source
from orchestrator.memory_safety.guard import FIXER, places
from orchestrator.memory_safety.guard.hook import CONFIGURATION, hooks
from orchestrator.memory_safety.guard.listing import parsed
from orchestrator.memory_safety.guard.parts import Cannot, Part, problems
from orchestrator.plan.base import OptionValue
from orchestrator.project.pytest_config import configuration_of

WORKFLOW = ".github/workflows/test-memory-safety.yml"
_NO_CI = (
    "no CI step: nothing says how CI gets orchestrate (--repo URL --rev REV, --install COMMAND), "
    "or which workflow has it already (--workflow FILE)"
)
_NO_SECTION = "no section: your guidelines are no Markdown that is known here (--section FILE)"
_WORKFLOWS = ".github/workflows/*.y*ml"


@dataclass(frozen=True, slots=True)
class GuardChoice:
    """What is wanted: parts, files of guidelines (none: those that are there), a workflow."""

    parts: frozenset[Part]
    sections: tuple[str, ...]
    options: Mapping[str, OptionValue]
    workflow: str = ""


@dataclass(frozen=True, slots=True)
class PlannedGuard:
    """What each file would become, beside what it is.

    `printed` is for files somewhere else, `left_out` says which parts have no file here.
    """

    outcomes: Sequence[Outcome]
    before: Mapping[str, Content]
    printed: Mapping[str, str]
    left_out: Sequence[str] = ()

    @property
    def edits(self) -> list[Edit]:
        """The files that would change."""
        return [outcome for outcome in self.outcomes if isinstance(outcome, Edit)]

    @property
    def hooks(self) -> bool:
        """Whether the hook would be added, and so is tried."""
        return any(edit.path == CONFIGURATION for edit in self.edits)

    def complaints(self, top: Path) -> Sequence[tuple[str, str]]:
        """What is wrong with the hook, tried as it would be; before anything is written."""
        return FIXER.trial({edit.path: edit.data for edit in self.edits}, top)


def guard(top: Path, choice: GuardChoice) -> PlannedGuard:
    """What the guard comes to in this project; nothing is written.

    Raises:
        BadInput: an option means nothing, or names a file outside the project.
    """
    for problem in problems("", choice.options):
        raise BadInput(problem, next_step="orchestrate guard --help")
    home = home_of(top)
    chosen = {**choice.options}
    if "validator" in chosen:
        chosen["validator"] = _inside(str(chosen["validator"]), top)
    elif validator := _validator_of(top):
        chosen["validator"] = validator
    usual = {} if "validator" in chosen else _installed_from()
    options = {"guidelines": _below(home, top, places.guidelines(home)), **usual, **chosen}
    inside, outside = _sections(top, choice.sections)
    workflow = _inside(choice.workflow, top) if choice.workflow else _workflow(top, options)
    named = _named(top, home, options, workflow, inside)
    named = [(part, path) for part, path in named if part in choice.parts]
    sources = [_source(top, path, {**options, "part": part.value}) for part, path in named]
    outcomes = [_outcome(source, top) for source in sources]
    before = {s.path: s.data if s.exists else None for s in sources}
    printed = {path: _text_for(path, options, top) for path in outside}
    left_out = [
        *([_NO_CI] if workflow is None and Part.CI in choice.parts else []),
        *([_NO_SECTION] if not (inside or outside) and Part.SECTION in choice.parts else []),
    ]
    return PlannedGuard(outcomes, before, printed, left_out)


def _outcome(source: Source, top: Path) -> Outcome:
    """What the fixer says of a file; a link, a folder, or what lies below a file is refused."""
    path = top / source.path
    for at in (path, *path.parents):
        if at == top:
            break
        if at.is_symlink():
            return Refusal(source.path, f"{at.relative_to(top)} is a symbolic link")
        if at.exists() and at.is_dir() is (at == path):
            what = "a folder" if at == path else "not a folder"
            return Refusal(source.path, f"{at.relative_to(top)} is {what}")
    return FIXER.fix(source, top)


def home_of(top: Path) -> Path:
    """The folder of pytest's configuration from here upwards: where settings and conftest go."""
    here = Path.cwd()
    for folder in (here, *here.parents):
        if folder == top or not folder.is_relative_to(top):
            break
        if configuration_of(folder) is not None:
            return folder
    return top


def _below(home: Path, top: Path, path: str) -> str:
    return (home / path).relative_to(top).as_posix()


def _inside(name: str, top: Path) -> str:
    """A path from the top, typed from here.

    Raises:
        BadInput: it lies outside the project.
    """
    path = Path(os.path.normpath(Path.cwd() / name))
    if not path.resolve().is_relative_to(top.resolve()):
        what = f"{name!r} lies outside the project {str(top)!r}"
        raise BadInput(what, next_step="orchestrate guard --help")
    return path.resolve().relative_to(top.resolve()).as_posix()


def _validator_of(top: Path) -> str | None:
    """The script that a hook of ours runs already."""
    try:
        document = parsed(read_text_of(top / CONFIGURATION), CONFIGURATION)
        entries = [str(hook.get("entry", "")) for _, hook in hooks(document)]
        words = [word for entry in entries for word in shlex.split(entry)]
    except (OSError, ValueError, Cannot):
        return None
    return next((word for word in words if word.endswith(".py") and (top / word).is_file()), None)


def written(found: PlannedGuard, top: Path) -> None:
    """Write every edit, each only where the file is still as it was.

    Raises:
        ChangedMeanwhile: one is not; those before it are written.
        DiskError: one cannot be written.
    """
    for edit in found.edits:  # all of them are looked at before the first is written
        if read_if_there(top / edit.path) != found.before[edit.path]:
            raise ChangedMeanwhile(f"{edit.path} was changed meanwhile", next_step="git diff")
    for edit in found.edits:
        path, before = RepoPath(edit.path), found.before[edit.path]
        files.compare_and_swap(top, path, expected=before, data=edit.data, mode=FILE_MODE)


def _named(
    top: Path,
    home: Path,
    options: Mapping[str, OptionValue],
    workflow: str | None,
    sections: Sequence[str],
) -> list[tuple[Part, str]]:
    """Each part with its file, in the order in which they make sense to a reader."""
    validator = options.get("validator")
    return [
        *([(Part.VALIDATOR, str(validator))] if validator else []),
        (Part.HOOK, CONFIGURATION),
        *([(Part.CI, workflow)] if workflow else []),
        (Part.SETTINGS, _below(home, top, places.configuration_file(home))),
        (Part.FREEZE, _below(home, top, places.conftest(home))),
        (Part.GUIDELINES, str(options["guidelines"])),
        *((Part.SECTION, path) for path in sections),
    ]


def _workflow(top: Path, options: Mapping[str, OptionValue]) -> str | None:
    """A workflow of its own where CI can install orchestrate, else one that runs pytest already."""
    if (top / WORKFLOW).is_file() or options.get("install") or options.get("repo"):
        return WORKFLOW
    for file in sorted(top.glob(_WORKFLOWS)):
        text = read_text_of(file, errors="replace")
        if "orchestrate-check" in text or str(options.get("validator", "\0")) in text:
            return file.relative_to(top).as_posix()
    return None


def _source(top: Path, path: str, options: Mapping[str, OptionValue]) -> Source:
    data = read_if_there(top / path)
    return Source(path, data or b"", options, exists=data is not None)


def _sections(top: Path, named: Sequence[str]) -> tuple[list[str], list[str]]:
    """The files of guidelines inside the repository, and those somewhere else."""
    if not named:
        return places.sections(top), []
    inside, outside = [], []
    for name in named:
        path = Path(os.path.normpath(Path.cwd() / Path(name).expanduser()))
        if path.resolve().is_relative_to(top.resolve()):
            inside.append(path.resolve().relative_to(top.resolve()).as_posix())
        else:
            outside.append(str(path))
    return inside, outside


def _text_for(path: str, options: Mapping[str, OptionValue], top: Path) -> str:
    """The section for a file somewhere else: printed, never written."""
    made = FIXER.fix(Source(PurePosixPath(path).name, b"", {**options, "part": "section"}), top)
    assert isinstance(made, Edit)
    return made.data.decode("utf-8")


def _installed_from() -> dict[str, OptionValue]:
    """The git repository and commit that this program was installed from, if any (PEP 610)."""
    try:
        text = metadata.distribution("orchestrate-migration").read_text("direct_url.json")
        told = json.loads(text or "{}")
    except (metadata.PackageNotFoundError, ValueError):
        return {}
    commit = told.get("vcs_info", {}).get("commit_id")
    if not commit or urlsplit(told["url"]).scheme not in {"https", "ssh"}:
        return {}
    return {"repo": told["url"], "rev": commit}
