"""What a user has set for their own git changes nothing of what a run does with it."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from support import PLAN, SampleRepo, make_repo

QUICK = PLAN.replace("phases:", "verify: {gates: [compile]}\nphases:")
SETTINGS = {
    "another way to print": (
        ("color.ui", "always"), ("color.diff", "always"), ("column.ui", "always"),
        ("core.quotePath", "false"), ("core.pager", "false"), ("core.abbrev", "4"),
        ("log.showSignature", "true"), ("log.follow", "true"), ("log.decorate", "full"),
        ("format.pretty", "oneline"), ("i18n.logOutputEncoding", "ISO-8859-1"),
    ),
    "another way to compare": (
        ("diff.noprefix", "true"), ("diff.mnemonicPrefix", "true"), ("diff.external", "false"),
        ("diff.renames", "copies"), ("diff.ignoreSubmodules", "all"), ("diff.relative", "true"),
        ("diff.orderFile", "pyproject.toml"), ("diff.autoRefreshIndex", "false"),
        ("merge.conflictStyle", "diff3"), ("apply.whitespace", "fix"),
        ("apply.ignoreWhitespace", "change"), ("core.fsmonitor", "false"),
    ),
    "another way to look at files": (
        ("status.showUntrackedFiles", "no"), ("status.short", "true"), ("status.branch", "true"),
        ("core.ignoreStat", "true"), ("core.splitIndex", "true"), ("core.untrackedCache", "true"),
        ("checkout.defaultRemote", "elsewhere"), ("rerere.enabled", "true"),
        ("advice.detachedHead", "true"),
    ),
    "another way to commit": (
        ("commit.template", "no-such-file"), ("commit.verbose", "true"),
        ("commit.status", "false"), ("commit.cleanup", "scissors"), ("core.commentChar", "x"),
        ("core.editor", "false"), ("sequence.editor", "false"),
        ("i18n.commitEncoding", "ISO-8859-1"), ("gc.auto", "1"), ("gc.autoDetach", "false"),
    ),
    "submodules everywhere": (
        ("submodule.recurse", "true"), ("fetch.recurseSubmodules", "true"),
        ("push.recurseSubmodules", "check"),
    ),
}  # fmt: skip
SURROUNDINGS = {
    "GIT_LITERAL_PATHSPECS": "1",
    "GIT_GLOB_PATHSPECS": "1",
    "GIT_NOGLOB_PATHSPECS": "1",
    "GIT_ICASE_PATHSPECS": "1",
    "GIT_EXTERNAL_DIFF": "false",
    "GIT_DIFF_OPTS": "--unified=0",
    "GIT_PAGER": "false",
    "GIT_TRACE": "1",
    "GIT_TRACE_SETUP": "1",
    "GIT_TRACE2": "1",
    "GIT_TRACE2_PERF": "1",
    "GIT_CEILING_DIRECTORIES": "/",
    "GIT_DEFAULT_HASH": "sha256",
    "GIT_OPTIONAL_LOCKS": "0",
    "GIT_INDEX_VERSION": "4",
    "GIT_PREFIX": "tests/",
    "GIT_EDITOR": "false",
    "GIT_SEQUENCE_EDITOR": "false",
    "GIT_TERMINAL_PROMPT": "0",
    "GIT_REFLOG_ACTION": "elsewhere",
}
REFUSED = (
    "GIT_COMMON_DIR", "GIT_OBJECT_DIRECTORY", "GIT_ALTERNATE_OBJECT_DIRECTORIES", "GIT_NAMESPACE",
    "GIT_QUARANTINE_PATH", "GIT_CONFIG", "GIT_DIR", "GIT_INDEX_FILE",
)  # fmt: skip
WAYS: tuple[list[str], ...] = ([], ["--isolated"])


def there_and_back(repo: SampleRepo, way: list[str], env: dict[str, str] | None = None) -> None:
    """One batch lands and is undone, and the tree is what it was; the text of both is as meant."""
    before = {path: repo.read(path) for path in ("tests/test_a.py", "tests/test_b.py")}
    ran = repo.run("next-batch", *way, "--python", sys.executable, env=env)
    assert ran.code == 0, ran
    assert "xdist_group" in repo.read("tests/test_a.py")
    message = repo.git.run("log", "-1", "--format=%B%n%e").decode()
    assert message.startswith("größer for a and b (First, batch 1/2)\n"), message
    assert "diff --git" not in message
    assert "ISO" not in message
    ran = repo.run("undo", "first/one", "--python", sys.executable, env=env)
    assert ran.code == 0, ran
    assert {path: repo.read(path) for path in before} == before
    assert repo.git.text("-c", "status.short=false", "status", "--porcelain") == ""
    assert repo.leftovers == []


def a_repo(tmp_path: Path) -> SampleRepo:
    plan = QUICK.replace("title: memory safety", "title: größer")
    return make_repo(tmp_path / "repo", plan=plan)


@pytest.mark.parametrize("way", WAYS, ids=["in the tree", "apart"])
@pytest.mark.parametrize("settings", SETTINGS.values(), ids=SETTINGS)
def test_settings_of_the_user_change_nothing_of_a_run(
    settings: tuple[tuple[str, str], ...], way: list[str], tmp_path: Path
) -> None:
    repo = a_repo(tmp_path)
    if settings is SETTINGS["submodules everywhere"]:
        inner = make_repo(tmp_path / "inner")
        allowed = ("-c", "protocol.file.allow=always")
        repo.git.run(*allowed, "submodule", "--quiet", "add", str(inner.top), "inner")
        repo.commit("a submodule")
    for name, value in settings:
        repo.git.run("config", name, value)
    there_and_back(repo, way)


@pytest.mark.parametrize("way", WAYS, ids=["in the tree", "apart"])
def test_switches_in_the_environment_change_nothing_of_a_run(
    way: list[str], tmp_path: Path
) -> None:
    there_and_back(a_repo(tmp_path), way, SURROUNDINGS)


@pytest.mark.parametrize("name", REFUSED)
def test_a_variable_that_points_git_elsewhere_is_refused_by_name(name: str, tmp_path: Path) -> None:
    repo = a_repo(tmp_path)
    ran = repo.run("next-batch", "--python", sys.executable, env={name: str(tmp_path)})
    assert ran.code == 3, ran
    assert f"{name} is set" in ran.err
    assert f"next: unset {name}\n" in ran.err
    assert repo.changes == ""


def test_a_run_from_a_hook_names_all_that_git_has_set(tmp_path: Path) -> None:
    repo = a_repo(tmp_path)
    env = {"GIT_DIR": ".git", "GIT_INDEX_FILE": ".git/index"}
    ran = repo.run("next-batch", "--python", sys.executable, env=env)
    assert "next: unset GIT_DIR GIT_INDEX_FILE\n" in ran.err
