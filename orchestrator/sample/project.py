"""Generates a project of test files with given numbers of classes and methods, from a seed."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

_SERVICE = '''\
"""A small service with a dependency, so that its tests have something to mock."""


class Service:
    """Stores what its backend accepts."""

    def __init__(self, backend):
        self.backend = backend

    async def store(self, key, value):
        """Store `value`; what the backend answers is returned."""
        return await self.backend.put(key, value)

    def describe(self, key):
        """A line about `key`."""
        return f"{key}={self.backend.get(key)}"
'''

_PYPROJECT = """\
[project]
name = "sample"
version = "0"

[tool.pytest.ini_options]
testpaths = ["tests"]
pythonpath = ["src"]
markers = ["xdist_group: tests that stay in one worker"]
"""

_CONFTEST = '''\
"""Fixtures of the sample project."""

from unittest.mock import AsyncMock

import pytest
{heavy}

@pytest.fixture
def backend():
    """A backend that accepts everything."""
    return AsyncMock(name="backend")
'''

_HEAVY = """
# what a real conftest imports: objects that every gc.collect() has to look at
_IMPORTED = [{{"number": number, "name": [str(number)]}} for number in range({objects})]
"""


@dataclass(frozen=True, slots=True)
class FileShape:
    """What one test file holds.

    The first `failing` tests of it fail, the next `pinning` pass as long as their class gets no
    helper method; `testcases` are classes of unittest.
    """

    path: str
    classes: int
    methods: int
    failing: int = 0
    pinning: int = 0
    testcases: int = 0


@dataclass(frozen=True, slots=True)
class ProjectShape:
    """What a project holds; `heavy_objects` are made by its conftest at import."""

    files: Sequence[FileShape]
    heavy_objects: int = 0


def generate(folder: Path, shape: ProjectShape, *, seed: int = 0) -> None:
    """Write the project into `folder`, the same bytes for the same shape and seed.

    Its tests use AsyncMock without any plugin and pass, except those that a shape lets fail.
    """
    heavy = _HEAVY.format(objects=shape.heavy_objects) if shape.heavy_objects else ""
    _write(folder / "pyproject.toml", _PYPROJECT)
    _write(folder / ".gitignore", "__pycache__/\n.pytest_cache/\n")
    _write(folder / "src/sample/__init__.py", '"""The sample package."""\n')
    _write(folder / "src/sample/service.py", _SERVICE)
    _write(folder / "tests/conftest.py", _CONFTEST.format(heavy=heavy))
    for number, file in enumerate(shape.files):
        _write(folder / file.path, source_of(file, random.Random(f"{seed}:{number}")))  # noqa: S311 - no secret: the same bytes for a seed


def failing_ids(shape: ProjectShape) -> list[str]:
    """The ids of the tests that fail before any change."""
    return [
        f"{file.path}::{_class_name(file, 0)}::{_method_name(number)}"
        for file in shape.files
        for number in range(file.failing)
    ]


def source_of(shape: FileShape, rng: random.Random) -> str:
    """The text of one test file."""
    lines = [f'"""Tests of {_topic(shape)}."""', "", "import asyncio"]
    lines += ["import unittest"] if shape.testcases else []
    lines += ["from unittest.mock import AsyncMock, MagicMock", ""]
    lines += ["import pytest"] if shape.classes > shape.testcases else []
    lines += ["from sample.service import Service", ""]
    for number, methods in enumerate(_shares(shape)):
        lines += ["", *_class(shape, number, methods, rng), ""]
    return "\n".join(lines).rstrip() + "\n"


def _shares(shape: FileShape) -> Iterator[int]:
    """How many methods each class gets, as even as possible; every class has at least one."""
    for number in range(shape.classes):
        share = shape.methods // shape.classes + (number < shape.methods % shape.classes)
        yield max(1, share)


def _class(shape: FileShape, number: int, methods: int, rng: random.Random) -> Iterator[str]:
    name = _class_name(shape, number)
    is_testcase = number >= shape.classes - shape.testcases
    if is_testcase:
        yield f"class {name}(unittest.TestCase):"
    else:
        if rng.random() < 0.5:  # noqa: PLR2004 - as many decorated classes as plain ones
            yield '@pytest.mark.filterwarnings("default")'
        yield f"class {name}:"
    yield f'    """{_topic(shape).capitalize()}, part {number + 1}."""'
    for method in range(methods):
        fails = number == 0 and method < shape.failing
        yield ""
        if number == 0 and shape.failing <= method < shape.failing + shape.pinning:
            yield from _pinning_method(method)
        else:
            yield from _method(method, rng, fails=fails, takes_fixture=not is_testcase)


def _method(number: int, rng: random.Random, *, fails: bool, takes_fixture: bool) -> Iterator[str]:
    value = rng.randrange(1000)
    yield f"    def {_method_name(number)}(self{', backend' if takes_fixture else ''}):"
    if not takes_fixture:
        yield "        backend = AsyncMock()"
    if fails:
        yield "        backend.put.return_value = None"
        yield f'        assert asyncio.run(Service(backend).store("key", {value})) == {value}'
    elif rng.random() < 0.5:  # noqa: PLR2004 - half of the tests await something
        yield f"        backend.put.return_value = {value}"
        yield f'        assert asyncio.run(Service(backend).store("key", {value})) == {value}'
        yield f'        backend.put.assert_awaited_once_with("key", {value})'
    else:
        yield f"        backend.get = MagicMock(return_value={value})"
        yield f'        assert Service(backend).describe("key") == "key={value}"'
        yield "        backend.get.assert_called_once()"


def _pinning_method(number: int) -> Iterator[str]:
    yield f"    def {_method_name(number)}(self):"
    yield '        """The class holds tests and nothing else."""'
    yield '        known = ("test_", "_", "pytestmark")'
    yield "        assert [n for n in vars(type(self)) if not n.startswith(known)] == []"


def _class_name(shape: FileShape, number: int) -> str:
    words = PurePosixPath(shape.path).stem.removeprefix("test_").split("_")
    return f"Test{''.join(word.capitalize() for word in words)}{number + 1}"


def _method_name(number: int) -> str:
    return f"test_behaviour_{number + 1}"


def _topic(shape: FileShape) -> str:
    return PurePosixPath(shape.path).stem.removeprefix("test_").replace("_", " ")


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, "utf-8")
