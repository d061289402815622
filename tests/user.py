"""A user of a repository, who remembers what they wrote: what no fault may ever take from them.

Knows nothing of the program: only bytes, git and where copies may be.
"""

from __future__ import annotations

import contextlib
import os
import subprocess
from dataclasses import dataclass, field

from support import PASSING, SampleRepo, make_repo

from orchestrator.vcs import GitFailed

TARGETS = ("tests/test_a.py", "tests/test_b.py", "tests/test_c.py")
OTHERS = ("notes.txt", "tests/helper.py")
HOOKS = {
    "none": "",
    "slow": "sleep 0.3",
    "refusing": "exit 1",
    "re-staging": "echo '# by the hook' >> tests/test_a.py; git add tests/test_a.py",
    "writing": "echo '# by the hook' >> tests/test_a.py",
}
BY_THE_HOOK = b"# by the hook\n"
EXITS = {0, 1, 2, 3, 4, 5, 6, 9, 130, 143, -9}
"""What a command may end with here; 7 would be a full disk, and 8 a bug of the program."""


@dataclass
class User:
    """`held` is what each path held when they last wrote to it, `commits` what they committed."""

    repo: SampleRepo
    held: dict[str, bytes] = field(default_factory=dict)
    commits: list[str] = field(default_factory=list)
    dirty: set[str] = field(default_factory=set)
    _number: int = 0

    def edit(self, path: str) -> None:
        """Write bytes that are nowhere else."""
        self._number += 1
        text = PASSING if path in TARGETS else ""
        self.held[path] = f"{text}# by the user {self._number}\n".encode()
        self.dirty.add(path)
        file = self.repo.top / path
        file.parent.mkdir(exist_ok=True)
        file.write_bytes(self.held[path])

    def commit(self) -> None:
        """Commit everything there is, as far as git lets them."""
        with contextlib.suppress(GitFailed):
            self.repo.git.run("add", "--all")
            self.repo.git.run("commit", "--quiet", "--no-verify", "-m", "by the user")
            self.commits.append(self.repo.head)
            self.dirty.clear()

    def stage(self, path: str) -> None:
        """Stage one file."""
        with contextlib.suppress(GitFailed):
            self.repo.git.run("add", "--", path)

    def hook(self, kind: str) -> None:
        """Have this hook, or none."""
        hook = self.repo.top / ".git/hooks/pre-commit"
        hook.parent.mkdir(exist_ok=True)
        hook.write_text(f"#!/bin/sh\n{HOOKS[kind]}\n")
        hook.chmod(0o755)

    def losses(self) -> list[str]:
        """What is gone that must not be; nothing after whatever happened."""
        lost: list[str] = []
        somewhere = {data.replace(BY_THE_HOOK, b"") for data in self._everything()}
        lost += [
            f"the user's bytes of {path} are nowhere: {data[-30:]!r}"
            for path, data in self.held.items()
            if data.replace(BY_THE_HOOK, b"") not in somewhere
        ]
        lost += [
            f"{path} was not committed, and is another in the tree"
            for path in self.dirty.intersection(OTHERS)
            if (self.repo.top / path).read_bytes() != self.held[path]
        ]
        lost += [
            f"the user's commit {commit[:10]} is not on main any more"
            for commit in self.commits
            if not self._is_on_main(commit)
        ]
        return lost

    def odd(self) -> set[str]:
        """Tracked files that differ from HEAD although the user did not change them."""
        rows = self.repo.git.paths("diff", "--name-only", "-z", "--no-renames", "HEAD", "--")
        return set(rows) - self.dirty

    def is_by_the_hook(self, path: str) -> bool:
        """Whether a file differs from HEAD by nothing but what the user's own hook appends."""
        now = (self.repo.top / path).read_bytes()
        return now.replace(BY_THE_HOOK, b"") == self.repo.git.blob(f"HEAD:{path}", path)

    def _is_on_main(self, commit: str) -> bool:
        command = ["git", "merge-base", "--is-ancestor", commit, "main"]
        return subprocess.run(command, cwd=self.repo.top, check=False).returncode == 0

    def _everything(self) -> set[bytes]:
        """Every content in the tree, in history, or among the rescued copies."""
        git = self.repo.git
        found = {
            file.read_bytes()
            for folder, names, files in os.walk(self.repo.top)
            if ".git" not in names or not names.remove(".git")  # type: ignore[func-returns-value]
            for file in ((self.repo.top / folder / name) for name in files)
        }
        rescue = self.repo.top / ".git/orchestrate/rescue"
        found |= {file.read_bytes() for file in rescue.rglob("*") if file.is_file()}
        objects = git.text("rev-list", "--objects", "--all").splitlines()
        return found | set(git.blobs(line.split()[0] for line in objects).values())


def new_user(top: os.PathLike[str], plan: str) -> User:
    """A user with a repository of three targets and two other files, all committed."""
    from pathlib import Path

    from support import FILES

    others = dict.fromkeys(OTHERS, "# there from the start\n")
    return User(make_repo(Path(top), {**FILES, **others}, plan=plan))
