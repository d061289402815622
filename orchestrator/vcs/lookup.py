"""Asks git what a status needs to know, without loading GitPython for it."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Collection, Mapping
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path

from orchestrator.vcs.own import environment, options
from orchestrator.vcs.repo import find_folder

_LIMIT_S = 60.0
_COMMIT = "\x01"
_RENAMES_IN_A_ROW = 20


class Lookup:
    """What git knows of the work tree at `top`; where it does not answer, nothing is known."""

    def __init__(self, top: Path) -> None:
        """Ask the repository whose top this is."""
        self._top = top
        self._folder = find_folder(top)
        self._with_attributes: dict[str, bool] = {}

    def hidden(self) -> Mapping[str, str]:
        """The files that a sparse checkout leaves out, each with the blob that git holds of it."""
        return self._hidden

    @cached_property
    def _hidden(self) -> dict[str, str]:
        if not (self._folder / "info" / "sparse-checkout").exists():
            return {}
        found = {}
        for row in self._rows("ls-files", "-t", "--stage", "-z"):
            state, _, path = row.partition("\t")
            if state.startswith("S "):
                found[path] = state.split()[2]
        return found

    def blob(self, name: str) -> bytes | None:
        """What a blob holds; None where there is none."""
        return self._run("cat-file", "blob", name)

    def renamed(self, path: str) -> str | None:
        """The last name of a file that was renamed, in commits or in the index, else None."""
        name = path
        for _ in range(_RENAMES_IN_A_ROW):
            new = self._renamed_in_index.get(name) or self._renamed_by_a_commit(name)
            if new is None or new == path:
                break
            name = new
        return None if name == path else name

    @cached_property
    def _renamed_in_index(self) -> dict[str, str]:
        return _renamed(self._rows("diff", "--name-status", "-z", "-M", "HEAD"))

    def _renamed_by_a_commit(self, path: str) -> str | None:
        """The name `path` was given by the commit that removed it."""
        if (self._top / path).exists():
            return None
        log = ("log", "-1", "--format=%H", "--diff-filter=D", "HEAD", "--", path)
        gone = (self._run(*log) or b"").decode("ascii").strip()
        if not gone:
            return None
        show = ("show", "--format=", "--diff-merges=first-parent", "--name-status", "-z", "-M")
        return _renamed(self._rows(*show, gone)).get(path)

    def stored_as(self, path: str) -> str | None:
        """The blob that git would store for a file; None where no attributes are set near it."""
        if not self._has_attributes(path.rpartition("/")[0]):
            return None
        printed = self._run("hash-object", "--", path)
        return None if printed is None else printed.decode("ascii").strip()

    def _has_attributes(self, folder: str) -> bool:
        """Whether a file of attributes may speak of the files of a folder."""
        if (known := self._with_attributes.get(folder)) is None:
            known = (self._top / folder / ".gitattributes").exists()
            if not known and folder:
                known = self._has_attributes(folder.rpartition("/")[0])
            elif not known:
                known = self._common_attributes
            self._with_attributes[folder] = known
        return known

    @cached_property
    def _common_attributes(self) -> bool:
        """Whether attributes may come from the user, `.git/info`, or a file not checked out."""
        if self._hidden or self._run("config", "core.attributesFile"):
            return True
        asked = self._run("rev-parse", "--git-path", "info/attributes") or b""
        return (self._top / asked.decode("utf-8", "surrogateescape").strip()).is_file()

    def reverted(self, records: Collection[str]) -> Mapping[str, str]:
        """Of records that are not there: who took them back with their code, and in which commit.

        A commit that removed nothing but records took nothing back.
        """
        if not records:
            return {}
        form = f"--format={_COMMIT}%H%n%an%n%ct"
        log = ("log", "--diff-filter=D", "--no-renames", "--name-only", "-z", form, "HEAD", "--")
        found: dict[str, str] = {}
        commit: list[str] = []
        for row in self._rows(*log, *sorted({path.rpartition("/")[0] for path in records})):
            text = row.lstrip("\n")
            if text.startswith(_COMMIT):
                commit = text[1:].split("\n")
            elif text in records and text not in found and self._took_code_back(commit[0], text):
                day = datetime.fromtimestamp(int(commit[2]), UTC).date().isoformat()
                found[text] = f"by {commit[1]} on {day}, in {commit[0][:10]}"
        return found

    def _took_code_back(self, commit: str, record: str) -> bool:
        show = ("show", "--format=", "--diff-merges=first-parent", "--name-only", "-z", commit)
        names = {row.lstrip("\n") for row in self._rows(*show, "--")}
        records = record.rsplit("/", 2)[0]
        return any(name and not name.startswith(f"{records}/") for name in names)

    def _rows(self, *command: str) -> list[str]:
        """The NUL-separated words that a command of git prints; none where it fails."""
        printed = self._run(*command) or b""
        return [row.decode("utf-8", "surrogateescape") for row in printed.split(b"\0") if row]

    def _run(self, *command: str) -> bytes | None:
        """What a command of git prints; None where it fails."""
        words = ["git", "--no-optional-locks", *options(literal=True, is_ours=False), *command]
        try:
            ended = subprocess.run(
                words, cwd=self._top, env={**os.environ, **environment()}, timeout=_LIMIT_S,
                check=False, capture_output=True, stdin=subprocess.DEVNULL,
            )  # fmt: skip
        except (OSError, subprocess.TimeoutExpired):
            return None
        return ended.stdout if ended.returncode == 0 else None


def _renamed(entries: list[str]) -> dict[str, str]:
    """Old name → new one, from what `--name-status -z` prints."""
    rest = iter(entries)
    found = {}
    for status in rest:
        old = next(rest, "")
        if status.startswith(("R", "C")):
            new = next(rest, "")
            if status.startswith("R"):
                found[old] = new
    return found
