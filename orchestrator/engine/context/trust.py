"""Runs nothing that a plan or a record brings along until a person here has seen it.

What was trusted is remembered by its digest, below git's own folder that all work trees of the
repository share. A change of a single line asks anew.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import stat
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath

from orchestrator.base import state_files
from orchestrator.base.escape import as_argument
from orchestrator.base.reading import read_own
from orchestrator.engine.context.workspace import Workspace
from orchestrator.errors import Refused
from orchestrator.fixers import planned
from orchestrator.plan.model import Plan
from orchestrator.plan.projects import folders_of, projects_of, wanted_python
from orchestrator.project.folders import TOP
from orchestrator.project.interpreter import Wanted, chosen
from orchestrator.vcs import Repo, find_top
from orchestrator.vcs.opening import required_state_folder
from orchestrator.vcs.state_folder import common_state_folder

_MOST_BYTES = 4 * 2**20
_PYTHON = re.compile(r"python(\d(\.\d+)?t?)?")
_PROGRAMS = frozenset({b"\x7fELF", b"\xcf\xfa\xed\xfe", b"\xca\xfe\xba\xbe"})
"""How programs that are no scripts begin: on Linux, and on macOS for one and for several kinds."""

_DIGEST = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class Asking:
    """A command that would run something: what it is called, and whether it was told to trust.

    `python` is the interpreter that the person named.
    """

    command: str
    trust: bool = False
    python: str | None = None


def check_trust(plan: Plan, repo: Repo, asking: Asking) -> None:
    """Make sure that what the plan would execute was trusted here, or trust it now.

    Raises:
        Refused: it was not, and nobody said so.
    """
    lines = [*planned.commands(plan), *interpreter_lines(plan, repo.top, repo, asking.python)]
    check_lines(lines, "the plan would run what was not trusted here yet", repo, asking)


def check_lines(lines: Sequence[str], what: str, repo: Repo, asking: Asking) -> None:
    """Make sure that exactly these lines were trusted here, or trust them now.

    Raises:
        Refused: they were not, and nobody said so.
    """
    if not lines:
        return
    trusted = common_state_folder(repo) / "trusted"
    digest = hashlib.sha256(json.dumps(list(lines)).encode("ascii")).hexdigest()
    known = _known(trusted)
    if digest in known:
        return
    if not asking.trust:
        listed = "\n".join(shown(line) for line in lines)
        raise Refused(
            f"{what}:\n{listed}",
            next_step=f"look at it, then once: orchestrate {asking.command} --trust",
        )
    state_files.write(trusted, "\n".join([*known, digest, ""]).encode("ascii"))


def interpreter_lines(plan: Plan, top: Path, repo: Repo | None, python: str | None) -> list[str]:
    """The interpreters a run would start, where the plan or the repository chose them.

    One that would be found without the plan is the user's own, and so is a Python that is installed
    elsewhere on the machine: whoever pushes a plan can name it, and put nothing there. Not so one
    that git tracks, and no script whatever it is called.
    """
    folders = dict.fromkeys([TOP, *folders_of(projects_of(plan, top), plan)])
    lines = [_interpreter_line(wanted_python(plan, python, at), top, repo) for at in folders]
    return list(dict.fromkeys(line for line in lines if line))


def _interpreter_line(wanted: Wanted, top: Path, repo: Repo | None) -> str | None:
    if wanted.own is None and wanted.option is not None:
        return None
    path = chosen(top, wanted)
    if path is None:
        return None
    where = f" in {wanted.folder}" if wanted.own else ""
    named = wanted.own or wanted.plan
    is_anyway = path == chosen(top, replace(wanted, own=None, plan=None))
    if named is not None and not is_anyway and not _is_installed(path, top):
        return f"interpreter{where}: {named}"
    if repo is not None and _is_tracked(path, top, repo):
        return f"interpreter, which git tracks: {path.relative_to(top)}"
    return None


def check_found(wanted: Wanted, top: Path, command: str) -> None:
    """Make sure that an interpreter which is found without a plan did not come with the repository.

    Raises:
        Refused: git tracks it, or its environment, and nobody named it.
    """
    if wanted.option is not None or find_top(top) != top:
        return
    path = chosen(top, wanted)
    if path is not None and _is_tracked(path, top, Repo(top)):
        inside = str(path.relative_to(top))
        raise Refused(
            f"git tracks the interpreter {inside!r}: whoever can push can make it any program",
            next_step=f"look at it, then: orchestrate {command} --python {as_argument(inside)}",
        )


def shown(line: str) -> str:
    """A line as it is, nothing cut: what cannot be seen is spelt out, and each new line marked."""
    return "\n  | ".join(
        "".join(char if char.isprintable() else _spelt(char) for char in part)
        for part in line.split("\n")
    )


def _spelt(char: str) -> str:
    return char.encode("unicode_escape").decode("ascii")


def _is_installed(path: Path, top: Path) -> bool:
    """Whether it is a Python outside of the work tree that nobody but the user and root can change.

    Told without starting it: by the name and the first bytes of the program behind all links.
    """
    try:
        program = path.resolve(strict=True)
        states = [one.stat() for one in (program, program.parent, path.parent)]
        with program.open("rb") as stream:
            magic = stream.read(4)
    except OSError:
        return False
    owners = {0, os.getuid()}
    is_safe = all(s.st_uid in owners and not s.st_mode & stat.S_IWOTH for s in states)
    outside = not any(one.is_relative_to(top) for one in (path.absolute(), program))
    return is_safe and outside and magic in _PROGRAMS and bool(_PYTHON.fullmatch(program.name))


def _is_tracked(path: Path, top: Path, repo: Repo) -> bool:
    """Whether git tracks the program, a link on the way to it, or a file of its environment."""
    if not path.is_relative_to(top):
        return False
    inside = PurePosixPath(path.relative_to(top))
    first = inside.parts[0]
    tracked = repo.paths("ls-files", "-z", "--", first)
    ways = {str(inside), *(str(folder) for folder in inside.parents)}
    home = str(inside.parent.parent)
    return any(one in ways or (home != "." and one.startswith(f"{home}/")) for one in tracked)


def _known(trusted: Path) -> list[str]:
    """The digests in the file; none where it is no file of this user's."""
    data = read_own(trusted, most=_MOST_BYTES) or b""
    return [word for word in data.decode("ascii", "replace").split() if _DIGEST.fullmatch(word)]


def check_trusted(workspace: Workspace, asking: Asking) -> None:
    """Make sure that what the plan would execute was trusted here.

    Raises:
        Refused: it was not, and nobody said so; or there is no repository to remember it.
    """
    required_state_folder(workspace.top)
    check_trust(workspace.plan, Repo(workspace.top), asking)


def check_started(workspace: Workspace, asking: Asking, *, arguments: bool) -> None:
    """The same for a command that starts the project's interpreter, and nothing else of the plan.

    With `arguments`, it gives those of the plan to pytest.
    """
    plan, top = workspace.plan, workspace.top
    repo = Repo(top) if find_top(top) == top else None
    given = arguments and any(verify.pytest_args for _, verify, _ in plan.all_verify())
    if given or interpreter_lines(plan, top, repo, asking.python):
        check_trusted(workspace, asking)
