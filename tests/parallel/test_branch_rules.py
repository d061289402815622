"""What a hook says of a branch holds for a run apart as well: the same verdict in both ways."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from support import PLAN, SampleRepo, make_repo

QUICK = PLAN.replace("phases:", "verify: {gates: [compile]}\nphases:")
NO = '{ echo "no commits on main" >&2; exit 1; }'
RULES = {
    "symbolic-ref": f'[ "$(git symbolic-ref -q HEAD)" != refs/heads/main ] || {NO}',
    "abbrev-ref": f'[ "$(git rev-parse --abbrev-ref HEAD)" != main ] || {NO}',
    "show-current": f'[ "$(git branch --show-current)" != main ] || {NO}',
    "without the environment": (
        f'unset $(git rev-parse --local-env-vars); [ "$(git branch --show-current)" != main ] || {NO}'
    ),
    "of the message": f'[ "$(git branch --show-current)" != main ] || {NO}',
    "of the ref": f'! grep -q " refs/heads/main$" || {NO}',
}
HOOKS = {"of the message": "commit-msg", "of the ref": "reference-transaction"}
WAYS: tuple[list[str], ...] = ([], ["--isolated"], ["--all", "--jobs", "2"])


def with_hook(repo: SampleRepo, name: str, script: str, folder: str = ".git/hooks") -> None:
    hook = repo.top / folder / name
    hook.parent.mkdir(parents=True, exist_ok=True)
    hook.write_text(f"#!/bin/sh\n{script}\n")
    hook.chmod(0o755)


def next_batch(repo: SampleRepo, way: list[str]) -> tuple[int, str]:
    ran = repo.run("next-batch", *way, "--python", sys.executable)
    return ran.code, ran.out + ran.err


@pytest.mark.parametrize(
    ("rule", "way"),
    [
        *((rule, WAYS[0]) for rule in RULES),
        *((rule, way) for rule in ("without the environment", *HOOKS) for way in WAYS[1:]),
    ],
)
def test_a_branch_that_takes_no_commits_takes_none_in_any_way(
    rule: str, way: list[str], tmp_path: Path
) -> None:
    repo = make_repo(tmp_path / "repo", plan=QUICK)
    base = repo.head
    with_hook(repo, HOOKS.get(rule, "pre-commit"), RULES[rule])
    code, said = next_batch(repo, way)
    assert code == 1, said
    assert "no commits on main" in said
    assert "next: set right what the hook says" in said
    assert repo.head == base
    assert repo.changes == ""
    assert repo.git.text("branch", "--format=%(refname:short)") == "main"
    repo.git.run("checkout", "--quiet", "-b", "topic")
    code, said = next_batch(repo, way)
    assert code == 0, said
    assert repo.git.text("rev-list", "--count", f"{base}..topic") in {"1", "2"}
    assert repo.git.text("rev-parse", "main") == base


def test_hooks_find_the_repository_as_it_is_but_for_its_refs(tmp_path: Path) -> None:
    """What they write is in the repository: a tag, a note, and the objects behind them."""
    repo = make_repo(tmp_path / "repo", plan=QUICK)
    repo.git.run("config", "core.hooksPath", ".hooks")
    repo.git.run("config", "remote.origin.url", "elsewhere")
    repo.git.run("update-ref", "refs/remotes/origin/main", "HEAD")
    seen = tmp_path / "seen"
    look = "git config remote.origin.url; git log --format=%s origin/main..HEAD; git status --short"
    with_hook(repo, "pre-commit", f"{{ {look}; }} > '{seen}'", ".hooks")
    mark = "git tag landed && git notes add -m 'by the hook' && git log -1 --format=%s"
    with_hook(repo, "post-commit", f"{{ {mark}; }} >> '{seen}'", ".hooks")
    repo.write(".gitignore", f"{repo.read('.gitignore')}.hooks/\n")
    repo.git.run("commit", "--quiet", "--no-verify", "-am", "ignored")
    repo.git.run("tag", "--delete", "landed")
    repo.git.run("update-ref", "-d", "refs/notes/commits")
    repo.git.run("update-ref", "refs/remotes/origin/main", "HEAD")
    code, said = next_batch(repo, ["--isolated"])
    assert code == 0, said
    assert seen.read_text().splitlines() == [
        "elsewhere",
        "A  reports/first/one.json",
        "M  tests/test_a.py",
        "M  tests/test_b.py",
        "memory safety for a and b (First, batch 1/2)",
    ]
    assert repo.git.text("rev-parse", "landed") == repo.head
    assert repo.git.text("notes", "show") == "by the hook"
    assert repo.changes == ""
    repo.git.run("fsck", "--strict", "--no-progress")
    assert repo.leftovers == []


def test_a_hook_that_stages_something_leaves_nothing_that_is_missing(tmp_path: Path) -> None:
    repo = make_repo(tmp_path / "repo", plan=QUICK)
    base = repo.head
    with_hook(
        repo, "pre-commit", "echo '# by the hook' >> tests/test_a.py; git add tests/test_a.py"
    )
    code, said = next_batch(repo, ["--isolated"])
    assert code == 1, said
    assert "a hook changed the commit after it was judged" in said
    assert repo.head == base
    assert repo.changes == ""
    repo.git.run("fsck", "--strict", "--no-progress")


def test_settings_for_a_branch_hold_apart_as_well(tmp_path: Path) -> None:
    repo = make_repo(tmp_path / "repo", plan=QUICK)
    named = tmp_path / "for-main"
    named.write_text("[user]\n\tname = The one of main\n")
    repo.git.run("config", "includeIf.onbranch:main.path", str(named))
    assert next_batch(repo, ["--isolated"])[0] == 0
    assert repo.git.text("log", "-1", "--format=%an") == "The one of main"


@pytest.mark.parametrize("extra", [["--object-format=sha256"], []], ids=["sha256", "split index"])
def test_repositories_of_other_forms_are_committed_to(extra: list[str], tmp_path: Path) -> None:
    repo = make_repo(tmp_path / "repo", plan=QUICK)
    if extra:
        (repo.top / ".git").rename(tmp_path / "old")
        repo.git.run("init", "--quiet", "--initial-branch=main", *extra)
        for name, value in (("user.name", "U"), ("user.email", "u@example.invalid")):
            repo.git.run("config", name, value)
        repo.commit()
    else:
        repo.git.run("config", "core.splitIndex", "true")
    with_hook(repo, "pre-commit", '[ "$(git branch --show-current)" = main ]')
    code, said = next_batch(repo, ["--isolated", "--all"])
    assert code == 0, said
    assert repo.changes == ""
    repo.git.run("fsck", "--strict", "--no-progress")


@pytest.mark.parametrize(("number", "code"), [("KILL", -9), ("TERM", 143), ("INT", 130)])
def test_a_run_that_ends_while_a_hook_is_at_work_leaves_nothing(
    number: str, code: int, tmp_path: Path
) -> None:
    repo = make_repo(tmp_path / "repo", plan=QUICK)
    hook = repo.top / ".git/hooks/pre-commit"
    ours = "$(cut -d ' ' -f 4 /proc/$PPID/stat)"  # the parent of the git that runs the hook
    with_hook(repo, "pre-commit", f"rm -f '{hook}'; kill -{number} {ours}; sleep 1")
    base = repo.head
    assert next_batch(repo, ["--isolated"])[0] == code
    assert repo.changes == ""
    assert next_batch(repo, ["--isolated"])[0] == 0
    assert repo.git.text("rev-list", "--count", f"{base}..HEAD") == "1"
    assert (repo.changes, repo.leftovers) == ("", [])
    assert len(repo.git.text("worktree", "list").splitlines()) == 1
    repo.git.run("fsck", "--strict", "--no-progress")
