"""Takes the ids of tests apart, and writes them as the records of several projects have them.

At work an id begins with the path of its file from the top of the repository. In a record of a
repository with several projects it is `project::id`, with the id that pytest gives it there.
"""

from __future__ import annotations

from pathlib import PurePosixPath

from orchestrator.project.folders import TOP, inside


def file_of(test_id: str) -> str:
    """`tests/test_a.py::TestB::test_c` → `tests/test_a.py`."""
    return test_id.partition("::")[0]


def below_file(test_id: str) -> str:
    """`tests/test_a.py::TestB::test_c` → `TestB::test_c`; nothing where the id is a file."""
    return test_id.partition("::")[2]


def function_of(test_id: str) -> str:
    """`tests/test_a.py::test_c[1-x]` → `tests/test_a.py::test_c`: the id without its parameters."""
    path, separator, below = test_id.partition("::")
    return f"{path}{separator}{below.partition('[')[0]}"


def in_project(test_id: str, folder: str) -> str:
    """`a/tests/test_b.py::test_c` in the project `a` → `a::tests/test_b.py::test_c`."""
    return test_id if folder == TOP else f"{folder}::{inside(test_id, folder)}"


def from_top(test_id: str) -> str:
    """`a::tests/test_b.py::test_c` → `a/tests/test_b.py::test_c`; any other id stays what it is."""
    folder, separator, rest = test_id.partition("::")
    path = PurePosixPath(file_of(rest))
    first = PurePosixPath(folder)
    is_project = path.suffix == ".py" != first.suffix or (bool(path.suffix) and not first.suffix)
    return f"{folder}/{rest}" if separator and is_project else test_id
