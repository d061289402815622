"""Takes the ids of tests apart: the file, and what is below it."""

from __future__ import annotations


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
