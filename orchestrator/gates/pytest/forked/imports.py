"""What the tests of a project import of installed packages, kept as long as these are the same."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from orchestrator.base import process
from orchestrator.base.cache import cache_folder, kept, recalled
from orchestrator.project.interpreter import Interpreter

_KIND = "imports"
_INSTALLED = frozenset({"site-packages", "dist-packages"})
_VOLATILE = frozenset(
    {"PWD", "OLDPWD", "SHLVL", "_", "COLUMNS", "LINES", "TERM", "SSH_CLIENT", "SSH_CONNECTION",
     "SSH_TTY", "WINDOWID", "TERM_SESSION_ID", *process.MARKS}
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class ImportLog:
    """What a probe wrote down of one run (see `orchestrate_imports`), as JSON.

    `unfit` says why nothing may be forked that holds it.
    """

    text: str
    unfit: str | None

    def without(self, module: str) -> ImportLog:
        """The same, but for one module and what cannot do without it."""
        facts = json.loads(self.text)
        facts["left_out"] = sorted({*facts["left_out"], module})
        return replace(self, text=json.dumps(facts))

    @property
    def modules(self) -> frozenset[str]:
        """Names of the installed and standard modules."""
        return frozenset(name for name, _ in json.loads(self.text)["modules"])

    def followed_by(self, other: ImportLog) -> ImportLog:
        """These, and after them what another run imported beside, with the environment it had."""
        facts, others = json.loads(self.text), json.loads(other.text)
        seen, first = self.modules, len(facts["modules"])
        new = [name not in seen for name, _ in others["modules"]]
        changes: dict[int, dict[str, str | None]] = {}
        for index, changed in others["environ"]:
            changes.setdefault(first + sum(new[:index]), {}).update(changed)
        facts["environ"] += [[index, changed] for index, changed in changes.items()]
        facts["modules"] += [
            module for module, is_new in zip(others["modules"], new, strict=True) if is_new
        ]
        for kind in ("known", "foreign", "rewritten", "patterns"):
            facts[kind] = list(dict.fromkeys([*facts[kind], *others[kind]]))
        return ImportLog(json.dumps(facts), other.unfit)

    @classmethod
    def read(cls, file: Path) -> ImportLog | None:
        """What a probe wrote; None where it did not come so far."""
        try:
            return cls.of({"left_out": [], **json.loads(file.read_text("ascii"))})
        except (OSError, ValueError, KeyError):
            return None

    @classmethod
    def of(cls, facts: Any) -> ImportLog | None:
        """These facts; None is nothing."""
        return None if facts is None else cls(json.dumps(facts), facts["unfit"])


@dataclass(frozen=True, slots=True)
class Environment:
    """The interpreter with its packages, and the environment it is started in."""

    project: str
    python: Interpreter
    arguments: tuple[str, ...]

    def stamp(self) -> str:
        """Another one as soon as a package was installed or removed, or a variable was set."""
        folders = [Path(path) for path in self.python.search]
        installed = [folder for folder in folders if folder.name in _INSTALLED]
        facts = [
            self.project,
            str(self.python.path),
            self.python.version,
            *self.arguments,
            *(f"{folder} {_packages_in(folder)}" for folder in installed),
            f"{_time(self.python.path.parent.parent / 'pyvenv.cfg')}",
            *(f"{name}={value}" for name, value in _steady(os.environ).items()),
        ]
        return hashlib.sha256("\0".join(facts).encode("utf-8", "surrogateescape")).hexdigest()


@dataclass(frozen=True, slots=True)
class Learned:
    """What is known of an environment.

    `more` is `imports` and what forked runs loaded beside. Runs have spent `spent_s` on loading
    what would not have to be loaded, were it proved that the one, or once that is, the other does.
    """

    imports: ImportLog
    is_proved: bool = False
    more: ImportLog | None = None
    spent_s: float = 0.0

    @property
    def candidate(self) -> ImportLog | None:
        """What is to be proved next; None where there is nothing."""
        return self.more if self.is_proved else self.imports


def known(stamp: str) -> Learned | None:
    """What earlier sessions learned of this environment; None where that is nothing."""
    try:
        facts = json.loads(recalled(_file(stamp)) or b"")
        imports, more = (ImportLog.of(facts[name]) for name in ("imports", "more"))
        if imports is None:
            return None
        return Learned(imports, facts["is_proved"], more, facts["spent_s"])
    except (ValueError, RecursionError, KeyError, TypeError):
        return None


def keep(stamp: str, learned: Learned) -> None:
    """Remember it; where the cache cannot be written, it is found out again."""
    more = None if learned.more is None else json.loads(learned.more.text)
    facts = {
        "imports": json.loads(learned.imports.text),
        "is_proved": learned.is_proved,
        "more": more,
        "spent_s": learned.spent_s,
    }
    try:
        kept(_file(stamp), json.dumps(facts).encode("ascii"))
    except OSError:
        return


def _file(stamp: str) -> Path:
    return cache_folder() / f"{_KIND}-{stamp[:32]}.json"


def _steady(environ: Mapping[str, str]) -> dict[str, str]:
    return {name: environ[name] for name in sorted(environ) if name not in _VOLATILE}


def _packages_in(folder: Path) -> str:
    """What a folder holds, and when what describes a package was written; no caches of imports."""
    try:
        with os.scandir(folder) as entries:
            # a cache comes with the first import of a module
            return " ".join(sorted(_entry(e) for e in entries if e.name != "__pycache__"))
    except OSError:
        return ""


def _entry(entry: os.DirEntry[str]) -> str:
    if entry.name.endswith((".dist-info", ".egg-info", ".egg-link", ".pth")):
        return f"{entry.name} {entry.stat(follow_symlinks=False).st_mtime_ns}"
    return entry.name


def _time(path: Path) -> int:
    try:
        return path.stat().st_mtime_ns
    except OSError:
        return 0
