"""Which paths from outside stay in the work tree, and out of git's own folder."""

from __future__ import annotations

import pickle

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from orchestrator.base.paths import RepoPath, UnsafePath, why_unsafe

GOOD = [
    "a.py",
    "tests/test_a.py",
    "-x",
    "@x",
    "[a]/b[1].py",
    "with space/é.py",
    "new\nline.py",
    "tests/**/test_*.py",
    ".github/workflows/ci.yml",
    "a/.gitignore",
    ".gitattributes",
    "git",
    "x.git/y",
    "..a/b..",
    "~/a",
    "undecodable\udcff.py",
]
BAD = [
    "",
    "/etc/passwd",
    "C:/x",
    "a\\b",
    "a\0b",
    ".",
    "..",
    "../x",
    "a/../b",
    "a/./b",
    "a//b",
    "a/",
    ".git",
    ".git/config",
    ".GIT/hooks/pre-commit",
    "sub/.Git/config",
    "git~1/config",
    "GIT~1/config",
    ".git./config",
    ".git /config",
    ".git . ./config",
    ".git::$INDEX_ALLOCATION/config",
    ".git:x",
    ".g\u200cit/config",
    "\ufeff.git/config",
    ".gi\u206dt",
    ".git\u200d./x",
    "a" * 256,
    "é" * 200,
    "/".join(["a" * 200] * 30),
]


@pytest.mark.parametrize("path", GOOD)
def test_a_path_of_the_work_tree_is_taken_as_it_is(path: str) -> None:
    assert RepoPath(path) == path
    assert pickle.loads(pickle.dumps(RepoPath(path))) == path
    assert type(TypeAdapter(RepoPath).validate_python("a.py")) is RepoPath


@pytest.mark.parametrize("path", BAD)
def test_a_path_that_leads_elsewhere_is_refused(path: str) -> None:
    with pytest.raises(UnsafePath):
        RepoPath(path)
    with pytest.raises(ValidationError):
        TypeAdapter(RepoPath).validate_python(path)


PARTS = st.sampled_from([
    "..", ".", "", ".git", ".GIT", "git~1", "GIT~1", "\u200c", ".", " ", ":", "a", "\\", "\0", "~",
])  # fmt: skip


@given(st.lists(st.lists(PARTS, max_size=4).map("".join), min_size=1, max_size=5).map("/".join))
def test_the_quick_answer_is_the_careful_one(path: str) -> None:
    names = path.split("/")
    folded = [
        "".join(c for c in name.lower() if c not in "\u200c").partition(":")[0].rstrip(". ")
        for name in names
    ]
    safe = (
        not {"", ".", ".."} & set(names)
        and not {".git", "git~1"} & set(folded)
        and not set("\\\0") & set(path)
        and path[1:2] != ":"
    )
    assert (why_unsafe(path) is None) == safe
