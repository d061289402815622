"""What the tests of a project import of installed packages, kept as long as these are the same."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from orchestrator.cache import cache_folder, kept
from orchestrator.interpreter import Interpreter

_KIND = "imports"
_INSTALLED = frozenset({"site-packages", "dist-packages"})
_VOLATILE = frozenset(
    {"PWD", "OLDPWD", "SHLVL", "_", "COLUMNS", "LINES", "TERM", "SSH_CLIENT", "SSH_CONNECTION",
     "SSH_TTY", "WINDOWID", "TERM_SESSION_ID"}
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Imports:
    """What a probe wrote down of one run (see `orchestrate_imports`), as JSON.

    `unfit` says why nothing may be forked that holds it.
    """

    text: str
    unfit: str | None

    def without(self, module: str) -> Imports:
        """The same, but for one module and what cannot do without it."""
        facts = json.loads(self.text)
        facts["left_out"] = sorted({*facts["left_out"], module})
        return replace(self, text=json.dumps(facts))

    @property
    def modules(self) -> frozenset[str]:
        """Names of the installed and standard modules."""
        return frozenset(name for name, _ in json.loads(self.text)["modules"])

    def followed_by(self, other: Imports) -> Imports:
        """These, and after them what another run imported beside, with the environment it had."""
        facts, others = json.loads(self.text), json.loads(other.text)
        seen, first = self.modules, len(facts["modules"])
        new = [name not in seen for name, _ in others["modules"]]
        facts["environ"] += [
            [first + sum(new[:index]), changed] for index, changed in others["environ"]
        ]
        facts["modules"] += [
            module for module, is_new in zip(others["modules"], new, strict=True) if is_new
        ]
        for kind in ("known", "foreign", "rewritten", "patterns"):
            facts[kind] = list(dict.fromkeys([*facts[kind], *others[kind]]))
        return Imports(json.dumps(facts), other.unfit)

    @classmethod
    def read(cls, file: Path) -> Imports | None:
        """What a probe wrote; None where it did not come so far."""
        try:
            facts = json.loads(file.read_text("ascii"))
            facts.setdefault("left_out", [])
            return cls(json.dumps(facts), facts["unfit"])
        except (OSError, ValueError, KeyError):
            return None


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
            *(f"{folder} {_time(folder)}" for folder in installed),
            f"{_time(self.python.path.parent.parent / 'pyvenv.cfg')}",
            *(f"{name}={value}" for name, value in _steady(os.environ).items()),
        ]
        return hashlib.sha256("\0".join(facts).encode("utf-8", "surrogateescape")).hexdigest()


def known(stamp: str) -> Imports | None:
    """What was proved for this environment before; None where nothing was."""
    return Imports.read(_file(stamp))


def keep(stamp: str, imports: Imports) -> None:
    """Remember what was proved; where the cache cannot be written, it is found out again."""
    try:
        kept(_file(stamp), imports.text.encode("ascii"))
    except OSError:
        return


def _file(stamp: str) -> Path:
    return cache_folder() / f"{_KIND}-{stamp[:32]}.json"


def _steady(environ: Mapping[str, str]) -> dict[str, str]:
    return {name: environ[name] for name in sorted(environ) if name not in _VOLATILE}


def _time(path: Path) -> int:
    try:
        return path.stat().st_mtime_ns
    except OSError:
        return 0
