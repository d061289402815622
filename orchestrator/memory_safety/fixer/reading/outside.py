"""Bases that are not in the repository, as far as they are known by name."""

from __future__ import annotations

import sys
from dataclasses import dataclass

_DJANGO = ("SimpleTestCase", "TransactionTestCase", "TestCase", "LiveServerTestCase")
_DJANGO_MODULES = ("django.test", "django.test.testcases")
TEST_CASES = {
    "unittest.TestCase", "unittest.IsolatedAsyncioTestCase",
    "unittest.case.TestCase", "unittest.async_case.IsolatedAsyncioTestCase",
    *(f"{module}.{name}" for module in _DJANGO_MODULES for name in _DJANGO),
    "django.contrib.staticfiles.testing.StaticLiveServerTestCase",
    *(f"rest_framework.test.API{name}" for name in _DJANGO),
    "asynctest.TestCase", "asynctest.case.TestCase", "testtools.TestCase", "flask_testing.TestCase",
    "tornado.testing.AsyncTestCase", "tornado.testing.AsyncHTTPTestCase",
    "absl.testing.absltest.TestCase", "absl.testing.parameterized.TestCase",
}  # fmt: skip
"""Known by name: TestCases whose `tearDown` is a plain method that takes part in `super()`."""
_HARMLESS = {
    "object", "abc.ABC", "typing.Generic", "typing_extensions.Generic",
    "typing.Protocol", "typing_extensions.Protocol",
    "enum.Enum", "enum.IntEnum", "enum.StrEnum", "enum.Flag", "enum.IntFlag", "typing.NamedTuple",
    "typing.TypedDict", "Exception", "dict", "list", "str", "int", "tuple", "set",
}  # fmt: skip
"""Bases outside the repository that are known to define no teardown and no test."""


@dataclass(frozen=True, slots=True)
class Outside:
    """A base that is not in the repository, by the dotted name it is imported from."""

    name: str
    why: str = "is not in this repository"
    """What is said of it where it might define anything."""

    @property
    def is_test_case(self) -> bool:
        """Whether it is a TestCase of the standard library, or a well-known one derived from it."""
        return self.name in TEST_CASES

    @property
    def is_harmless(self) -> bool:
        """Whether it is known to define neither teardown nor tests.

        No class of the standard library does, but for those of `unittest` and `test`.
        """
        top, dot, _ = self.name.partition(".")
        is_standard = dot and top in sys.stdlib_module_names and top not in {"unittest", "test"}
        return bool(is_standard) or self.name in _HARMLESS
