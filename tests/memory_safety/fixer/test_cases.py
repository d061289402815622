"""The numbered cases of the memory-safety fixer: what it writes, keeps, and refuses."""

from __future__ import annotations

from pathlib import Path

import pytest
from support import Edit, NoChange, Refusal, fixed, outcome_of

MARK = '@pytest.mark.xdist_group(name="g")'
DOC = '"""Force GC to prevent mock accumulation in xdist workers."""'
HEAD = "import gc\n\nimport pytest\n\n\n"

TEARDOWN = f"""\
    def teardown_method(self):
        {DOC}
        gc.collect()
"""

SAFE_CLASS = f"{MARK}\nclass TestA:\n{TEARDOWN}\n    def test(self): ...\n"
PLAIN_CLASS = "class TestA:\n    def test(self): ...\n"


HERE = Path(__file__).parent
EDITS = [
    pytest.param(
        before.read_bytes().decode(),
        before.with_suffix(".after").read_bytes().decode(),
        id=before.stem.replace("_", " "),
    )
    for before in sorted((HERE / "edits").glob("*.before"))
]
"""Test files as they are, and as the fixer leaves them."""

UNCHANGED = [
    pytest.param(file.read_bytes().decode(), id=file.stem.replace("_", " "))
    for file in sorted((HERE / "unchanged").glob("*.before"))
]


@pytest.mark.parametrize(("before", "after"), EDITS)
def test_edit(before: str, after: str, tmp_path: Path) -> None:
    if before == after:
        assert isinstance(outcome_of(before, top=tmp_path), NoChange)
        return
    assert fixed(before, top=tmp_path) == after
    assert isinstance(outcome_of(after, top=tmp_path), NoChange), "case-72: a second run changes it"


@pytest.mark.parametrize("text", UNCHANGED)
def test_no_change(text: str, tmp_path: Path) -> None:
    assert isinstance(outcome_of(text, top=tmp_path), NoChange)


TWO_BASES = """\
class One:
    def teardown_method(self): self.x = 1


class Two:
    def teardown_method(self): self.x = 1


class TestA(One, Two):
    def test(self): ...
"""

REFUSED = [
    pytest.param("class TestA:\n    def teardown_method(self):\n        if self.x:\n            import gc\n            gc.collect()\n    def test(self): ...\n", "gives gc a meaning of its own", id="case-10 an import under a condition"),
    pytest.param("class TestA:\n    def teardown_method(self):\n        try: self.x()\n        except OSError as gc: ...\n    def test(self): ...\n", "gives gc a meaning of its own", id="case-10 an error called gc"),
    pytest.param("import os as gc\n\n\nclass TestA:\n    def test(self): ...\n", "the name gc also means", id="case-10 another module called gc"),
    pytest.param("try: import none\nexcept ImportError as pytest: ...\n\n\nclass TestA:\n    def test(self): ...\n", "the name pytest also means", id="case-12 an error called pytest"),
    pytest.param("class TestBase:\n    def test_a(self): ...\n\n\nclass Cleanup:\n    def teardown_method(self, method): self.x = 1\n\n\nclass TestB(TestBase, Cleanup):\n    def teardown_method(self, method): super().teardown_method(method)\n    def test_b(self): ...\n", "it would hide that of Cleanup, which TestB inherits", id="case-44 a mixin behind a new one, by super"),
    pytest.param("class TestBase:\n    def test_a(self): ...\n\n\nclass TestB(TestBase):\n    def teardown_method(self, method):\n        getattr(super(), 'x', None)\n        super().teardown_method(method)\n    def test_b(self): ...\n", "calls its base's with arguments", id="case-44 arguments a new one does not take"),
    pytest.param("from lib import Mixin\n\n\nclass TestBase:\n    def test_a(self): ...\n\n\nclass TestB(TestBase, Mixin):\n    def test_b(self): ...\n", "TestB derives from it, and lib.Mixin is not in this repository", id="case-44 an unknown base behind a new one"),
    pytest.param("import unittest\n\n\nclass TestA:\n    def test_a(self): ...\n\n\nclass TestB(TestA):\n    class Inner(unittest.TestCase):\n        def test_i(self): ...\n    def test_b(self): ...\n", "the TestCase TestB.Inner is nested in it", id="case-46 nested in a derived class"),
    pytest.param("class Cleanup:\n    def teardown_method(self): self.x = 1\n\n\nclass TestO:\n    def test_o(self): ...\n    class TestI(Cleanup):\n        def test_i(self): ...\n", "the teardown of TestO.TestI, nested in it, would then run twice", id="case-46 an inherited one would run twice"),
    pytest.param("import sys\n\n\nclass Real:\n    def teardown_method(self): self.x = 1\n\n\nif sys.version_info >= (3, 8):\n    Base = Real\nelse:\n    Base = object\n\n\nclass TestA(Base):\n    def test_a(self): ...\n", "its base Base means more than one thing in test_it.py", id="case-43 a base of two meanings"),
    pytest.param("try:\n    from helpers import Base\nexcept ImportError:\n    class Base: ...\n\n\nclass TestA(Base):\n    def test_a(self): ...\n", "means more than one thing", id="case-43 a base that may be imported"),
    pytest.param("def pair(): return print, print\n\n\nclass TestA:\n    setup_method, teardown_method = pair()\n    def test_a(self): ...\n", "is assigned", id="case-37 assigned with another"),
    pytest.param("class TestA:\n    with open('x') as teardown_method: ...\n    def test_a(self): ...\n", "is assigned", id="case-37 by with"),
    pytest.param("class TestA:\n    for teardown_method in [print]: ...\n    def test_a(self): ...\n", "is assigned", id="case-37 by for"),
    pytest.param("class TestA:\n    if (teardown_method := print): ...\n    def test_a(self): ...\n", "is assigned", id="case-37 by a walrus"),
    pytest.param("class TestA:\n    def test_a(self): ...\n\n\nTestA.teardown_method = print\n", "is assigned", id="case-37 from outside"),
    pytest.param("def cleaned(cls):\n    cls.teardown_method = print\n    return cls\n\n\n@cleaned\nclass TestA:\n    def test_a(self): ...\n", "@cleaned may set teardown_method", id="case-37 by a decorator"),
    pytest.param("class Base:\n    def __init_subclass__(cls): cls.teardown_method = print\n\n\nclass TestA(Base):\n    def test_a(self): ...\n", "Base.__init_subclass__ may set teardown_method", id="case-37 by the base, for each class"),
    pytest.param("class Meta(type):\n    def __new__(m, n, b, d):\n        d.setdefault('teardown_method', print)\n        return type.__new__(m, n, b, d)\n\n\nclass TestA(metaclass=Meta):\n    def test_a(self): ...\n", "the metaclass Meta may set teardown_method", id="case-37 by the metaclass"),
    pytest.param("import unittest\n\n\ndef anew(cls): return type(cls)(cls.__name__, cls.__bases__, dict(cls.__dict__))\n\n\n@anew\nclass TestA(unittest.TestCase):\n    def test_a(self): ...\n", "@anew makes the class anew", id="case-45 super in a class that is made anew"),
    pytest.param(f"import pytest\n\ngc = None\n\n\n{PLAIN_CLASS}", "the name gc also means", id="case-10 gc rebound"),
    pytest.param(f"def f(gc): ...\n\n\n{PLAIN_CLASS}", "the name gc also means", id="case-10 gc as a parameter"),
    pytest.param(f"pytest = None\n\n\n{PLAIN_CLASS}", "the name pytest also means", id="case-12 pytest rebound"),
    pytest.param(f"import pytest\n\n\n@pytest.mark.xdist_group\n{PLAIN_CLASS}", "names no group", id="case-18 bare mark"),
    pytest.param("from elsewhere import Base\n\n\nclass TestA(Base):\n    def test(self): ...\n", "elsewhere.Base is not in this repository", id="case-43 base outside"),
    pytest.param(TWO_BASES, "two of its bases define teardown_method", id="case-44 two bases define it"),
    pytest.param("class TestA:\n    async def teardown_method(self): ...\n    def test(self): ...\n", "is async", id="case-34 async"),
    pytest.param("class TestA:\n    def teardown_method(self):\n        yield\n    def test(self): ...\n", "is a generator", id="case-35 generator"),
    pytest.param("class TestA:\n    teardown_method = print\n    def test(self): ...\n", "is assigned, imported or defined under a condition", id="case-37 assigned"),
    pytest.param("class TestA:\n    def teardown_method(self): ...\n    def teardown_method(self): ...\n    def test(self): ...\n", "line 2 is dead", id="case-38 defined twice"),
    pytest.param("class TestA:\n    if True:\n        def teardown_method(self): ...\n    def test(self): ...\n", "under a condition", id="case-40 conditional"),
    pytest.param("class Mixin:\n    def teardown_method(self): self.x = 1\n\n\nclass TestBase:\n    def test(self): ...\n\n\nclass TestB(TestBase, Mixin):\n    def test_b(self): ...\n", "it would hide that of Mixin, which TestB inherits", id="case-44 ours would shadow a mixin's"),
    pytest.param("class Base:\n    teardown_method = print\n\n\nclass TestA(Base):\n    def test(self): ...\n", "assigns or imports teardown_method", id="case-43 a base assigns it"),
    pytest.param("class TestA:\n    from helper import teardown_method\n    def test(self): ...\n", "is assigned, imported", id="case-37 imported"),
    pytest.param(f"from gc import collect\n\n\ndef collect(): ...\n\n\n{PLAIN_CLASS}", "the name collect also means", id="case-10 collect rebound"),
    pytest.param(f"from pytest import mark\n\nfor mark in []: ...\n\n\n{PLAIN_CLASS}", "the name mark also means", id="case-12 mark rebound"),
    pytest.param(f"import gc\n\n\ndef f():\n    global gc\n\n\n{PLAIN_CLASS}", "the name gc also means", id="case-10 global"),
    pytest.param("class TestA:\n    def teardown_method(self):\n        for gc in []: ...\n    def test(self): ...\n", "gives gc a meaning of its own", id="case-10 in the teardown"),
    pytest.param(f"x = 1\n\f\n{PLAIN_CLASS}", "form feed", id="case-63 form feed"),
    pytest.param(f"x = 1\ry = 2\n{PLAIN_CLASS}", "carriage return", id="case-63 lone CR"),
    pytest.param(f"print 'x'\n{PLAIN_CLASS}", "Python 2", id="case-64 Python 2"),
    pytest.param("class TestA(:\n", "not valid Python", id="case-64 invalid"),
    pytest.param("\0", "not valid Python", id="case-64 NUL"),
    pytest.param(f"x = {'(' * 300}1{')' * 300}\n{PLAIN_CLASS}", "", id="case-64 nested too deeply"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "reason"), REFUSED)
def test_refusal(text: str, reason: str, tmp_path: Path) -> None:
    outcome = outcome_of(text, top=tmp_path)
    assert isinstance(outcome, Refusal), outcome
    assert reason in outcome.reason


NOTES = [
    pytest.param(f"{HEAD}{SAFE_CLASS}".replace('"g"', '"other"'), "keeps its group 'other'", id="case-17"),
    pytest.param(f"NAME = 'x'\n{HEAD}{SAFE_CLASS}".replace('"g"', "NAME"), "not a literal", id="case-24"),
    pytest.param("class TestA:\n    def __init__(self): ...\n    def test(self): ...\n", "not collected: it has __init__", id="case-51"),
    pytest.param(f"{HEAD}{SAFE_CLASS}\n\n{SAFE_CLASS}", "replaces the class of the same name on line 7", id="case-55"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "note"), NOTES)
def test_note(text: str, note: str, tmp_path: Path) -> None:
    outcome = outcome_of(text, top=tmp_path)
    assert isinstance(outcome, NoChange)
    assert note in " ".join(outcome.notes)


MORE_EDITS = [
    pytest.param("class Base:\n    def teardown_method(self):\n        print('td')\nclass TestA(Base):\n    def test_a(self): ...\n", "        print('td')\n        gc.collect()\n@pytest", id="case-42 the base ends where the class begins"),
    pytest.param("class Base:  # memory-safety: ignore\n    def teardown_method(self): self.x = 1\n\n\nclass TestA(Base):\n    def test_a(self): ...\n", "super().teardown_method()\n        gc.collect()", id="case-71 a base with a pragma is called, not edited"),
    pytest.param(f"{PLAIN_CLASS}\n\nimport pytest\n", "import gc\n\nimport pytest\n\n\n@pytest", id="pytest is imported too late"),
    pytest.param("class TestO:\n    class Base:\n        def teardown_method(self): self.x = 1\n    class TestI(Base):\n        def test(self): ...\n\n\nclass Base: ...\n", "self.x = 1\n            gc.collect()", id="case-42 the enclosing class's base"),
    pytest.param(f"{HEAD}{MARK}\nclass TestA:\n    def teardown_method(self):\n        try: self.x()\n        except OSError: gc.collect()\n    def test(self): ...\n", "except OSError: gc.collect()\n        gc.collect()", id="case-39 in an except"),
    pytest.param(f"# a licence\n\n# about the class\n{PLAIN_CLASS}", f"# about the class\n{MARK}", id="case-03 the class keeps its comment"),
    pytest.param(f"import gc\nif True: ...\n{PLAIN_CLASS}", "import pytest\n\nif True", id="a blank line after the imports"),
    pytest.param("import unittest.case\n\n\nclass A(unittest.case.TestCase):\n    def test(self): ...\n", "super().tearDown()", id="case-45 by its other name"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "part"), MORE_EDITS)
def test_edit_holds(text: str, part: str, tmp_path: Path) -> None:
    assert part in fixed(text, top=tmp_path)


def test_case_43_a_base_elsewhere_that_means_more_than_a_call_is_refused(tmp_path: Path) -> None:
    (tmp_path / "tests").mkdir()
    text = "from tests.base import Base\n\n\nclass TestA(Base):\n    def test(self): ...\n"
    for parameters, decorator in (("self, method=NONE", ""), ("method", "@staticmethod")):
        base = f"class Base:\n    {decorator}\n    def teardown_method({parameters}): ...\n"
        (tmp_path / "tests/base.py").write_text(base)
        outcome = outcome_of(text, top=tmp_path)
        assert isinstance(outcome, Refusal), outcome
        assert "cannot override" in outcome.reason


def test_case_53_unittest_has_a_prefix_of_its_own(tmp_path: Path) -> None:
    (tmp_path / "pytest.ini").write_text("[pytest]\npython_functions = check_*\n")
    text = "import unittest\n\n\nclass A(unittest.TestCase):\n    def test_a(self): ...\n"
    assert "def tearDown" in fixed(text, top=tmp_path)


BYTES = [
    pytest.param(f"{HEAD}{PLAIN_CLASS}".replace("\n", "\r\n").encode(), id="case-62 CRLF"),
    pytest.param(b"\xef\xbb\xbf" + f"{HEAD}{PLAIN_CLASS}".encode(), id="case-62 BOM"),
    pytest.param(f"# -*- coding: latin-1 -*-\n{HEAD}# \xe9\n{PLAIN_CLASS}".encode("latin-1"), id="case-62 latin-1"),
    pytest.param(f"{HEAD}{PLAIN_CLASS}".rstrip("\n").encode(), id="case-62 no final newline"),
    pytest.param(f"{HEAD}x = 1\r\n\r\n{PLAIN_CLASS}".encode(), id="case-62 mixed line ends"),
]  # fmt: skip


@pytest.mark.parametrize("data", BYTES)
def test_every_old_line_keeps_its_bytes(data: bytes, tmp_path: Path) -> None:
    outcome = outcome_of(data, top=tmp_path)
    assert isinstance(outcome, Edit)
    rest = iter(outcome.data.splitlines(keepends=True))
    for line in data.splitlines(keepends=True):
        assert any(item in {line, line + b"\n"} for item in rest), line
    assert outcome.data.endswith(b"\n") == data.endswith(b"\n")
    added = set(outcome.data.splitlines(keepends=True)) - set(data.splitlines(keepends=True))
    if data.count(b"\r\n") == data.count(b"\n"):
        assert all(line.endswith(b"\r\n") for line in added)


def test_case_13_a_file_that_needs_nothing_gets_no_import(tmp_path: Path) -> None:
    assert isinstance(outcome_of("class Helper:\n    x = 1\n", top=tmp_path), NoChange)


def test_case_43_a_base_elsewhere_in_the_repository_is_called_not_shadowed(tmp_path: Path) -> None:
    (tmp_path / "tests").mkdir()
    base = "class Base:\n    def teardown_method(self, method):\n        self.closed = method\n"
    (tmp_path / "tests/base.py").write_text(base)
    text = f"{HEAD}from tests.base import Base\n\n\nclass TestA(Base):\n    def test(self): ...\n"
    after = fixed(text, top=tmp_path)
    assert "def teardown_method(self, method):" in after
    assert "super().teardown_method(method)\n        gc.collect()" in after


def test_case_43_a_base_elsewhere_that_collects_is_enough(tmp_path: Path) -> None:
    (tmp_path / "tests").mkdir()
    (tmp_path / "tests/base.py").write_text(f"import gc\n\n\nclass Base:\n{TEARDOWN}")
    imported = "from .base import Base\n\n\n"
    text = f"{HEAD}{imported}{MARK}\nclass TestA(Base):\n    def test(self): ...\n"
    assert isinstance(outcome_of(text, top=tmp_path), NoChange)


@pytest.mark.parametrize(
    ("setting", "path", "text"),
    [
        ('python_classes = ["Suite*"]', "tests/test_it.py", "class SuiteA:\n    def test(self): ...\n"),
        ('python_files = "check_*.py"', "tests/check_it.py", PLAIN_CLASS),
        ('addopts = "-q -o python_classes=Suite*"', "tests/test_it.py", "class SuiteA:\n    def test(self): ...\n"),
        ('addopts = ["--override-ini=python_classes=Suite*"]', "tests/test_it.py", "class SuiteA:\n    def test(self): ...\n"),
        ('python_functions = ["should"]', "tests/test_it.py", "class TestA:\n    def should(self): ...\n"),
    ],
)  # fmt: skip
def test_case_53_the_projects_own_naming_is_honoured(
    setting: str, path: str, text: str, tmp_path: Path
) -> None:
    assert isinstance(outcome_of(text, top=tmp_path / "plain", path=path), NoChange | Edit)
    configured = tmp_path / "configured"
    configured.mkdir()
    (configured / "pyproject.toml").write_text(f"[tool.pytest.ini_options]\n{setting}\n")
    outcome = outcome_of(text, top=configured, path=path)
    assert isinstance(outcome, Edit)
    assert outcome.counts["classes"] == 1


def test_case_53_a_file_that_pytest_does_not_collect_is_skipped(tmp_path: Path) -> None:
    outcome = outcome_of(PLAIN_CLASS, top=tmp_path, path="tests/helpers.py")
    assert isinstance(outcome, NoChange)
    assert "python_files" in outcome.notes[0]


def test_case_66_conftest_is_never_edited(tmp_path: Path) -> None:
    assert isinstance(outcome_of(PLAIN_CLASS, top=tmp_path, path="tests/conftest.py"), NoChange)


def test_counts_are_what_was_really_added(tmp_path: Path) -> None:
    text = f"{HEAD}{SAFE_CLASS}\n\n{PLAIN_CLASS.replace('TestA', 'TestB')}"
    outcome = outcome_of(text, top=tmp_path)
    assert isinstance(outcome, Edit)
    assert outcome.counts == {"classes": 1, "marks": 1, "teardowns": 1, "imports": 0}


@pytest.mark.parametrize(
    "base",
    [
        "django.test.TestCase",
        "django.test.testcases.SimpleTestCase",
        "rest_framework.test.APITestCase",
    ],
)
def test_case_45_well_known_test_cases_of_others_are_test_cases(base: str, tmp_path: Path) -> None:
    module, _, name = base.rpartition(".")
    text = f"from {module} import {name}\n\n\nclass Anything({name}):\n    def test(self): ...\n"
    assert "super().tearDown()\n        gc.collect()" in fixed(text, top=tmp_path)


def lines_added(before: str, top: Path) -> list[str]:
    """What the fixer adds, blank lines left out."""
    rest = before.splitlines()
    added = []
    for line in fixed(before, top=top).splitlines():
        if rest and line == rest[0]:
            rest.pop(0)
        elif line.strip():
            added.append(line.strip())
    assert rest == [], "an old line is missing"
    return added


DEF = "def teardown_method(self):"
NEW = [DEF, DOC, "gc.collect()"]
ROWS = [
    pytest.param(f"import gc as g\nimport pytest\n\n\n{PLAIN_CLASS}", [MARK, DEF, DOC, "g.collect()"], id="case-06 gc by another name"),
    pytest.param(f"from gc import collect as c\nimport pytest\n\n\n{PLAIN_CLASS}", [MARK, DEF, DOC, "c()"], id="case-07 collect by another name"),
    pytest.param(f"import pytest\n\n\ndef f():\n    import gc\n\n\n{PLAIN_CLASS}", ["import gc", MARK, *NEW], id="case-08 gc in a function"),
    pytest.param(f"from typing import TYPE_CHECKING\n\nimport pytest\n\nif TYPE_CHECKING:\n    import gc\n\n\n{PLAIN_CLASS}", ["import gc", MARK, *NEW], id="case-08 gc for types only"),
    pytest.param(f"import pytest\n\ntry:\n    import gc\nexcept ImportError: ...\n\n\n{PLAIN_CLASS}", ["import gc", MARK, *NEW], id="case-08 gc in a try"),
    pytest.param(f"import pytest\n\nx = 'import gc'  # import gc\n\n\n{PLAIN_CLASS}", ["import gc", MARK, *NEW], id="case-09 in a string and a comment"),
    pytest.param(f"import gc\nfrom pytest import mark\n\n\n{PLAIN_CLASS}", ['@mark.xdist_group(name="g")', *NEW], id="case-11 from pytest import mark"),
    pytest.param(f"import gc\nimport pytest as pt\n\n\n{PLAIN_CLASS}", ['@pt.mark.xdist_group(name="g")', *NEW], id="case-11 pytest by another name"),
    *[
        pytest.param(f"{HEAD}pytestmark {how}\n\n\n{PLAIN_CLASS}", NEW, id=f"case-19 module mark {how}")
        for how in (
            '= pytest.mark.xdist_group("g")', '= [pytest.mark.xdist_group(name="g")]',
            '= (pytest.mark.slow, pytest.mark.xdist_group("g"))', '= []\npytestmark += [pytest.mark.xdist_group("g")]',
            '= [pytest.mark.slow] + [pytest.mark.xdist_group("g")]',
            '= []\npytestmark.append(pytest.mark.xdist_group("g"))',
            '= []\nif True:\n    pytestmark = pytest.mark.xdist_group("g")',
        )
    ],
    pytest.param(f"{HEAD}class TestA:\n    pytestmark = pytest.mark.xdist_group('g')\n\n    def test(self): ...\n", NEW, id="case-20 mark in the class body"),
    pytest.param(f"{HEAD}class TestA:\n    pytestmark = [pytest.mark.slow]\n\n    def test(self): ...\n", [MARK, *NEW], id="case-20 other marks in the class body"),
    pytest.param(f"{HEAD}{MARK}\nclass Base:\n    def helper(self): ...\n\n\nclass TestA(Base):\n    def test(self): ...\n", NEW, id="case-22 a marked base"),
    pytest.param(f"{HEAD}class TestO:\n    class TestI:\n        def test(self): ...\n", [MARK, *NEW], id="case-23 case-46 the outermost is marked, the inner collects"),
    pytest.param(f"{HEAD}class TestO:\n    class TestI:\n        def test(self): ...\n\n    def test(self): ...\n", [MARK, *NEW, *NEW], id="case-46 each gets its own"),
    pytest.param(f"{HEAD}{MARK}\nclass TestA:\n    {DEF}\n        pass\n\n    def test(self): ...\n", ["gc.collect()"], id="case-32 body is pass"),
    pytest.param(f"{HEAD}{MARK}\nclass TestA:\n    {DEF}\n        ...\n\n    def test(self): ...\n", ["gc.collect()"], id="case-32 body is an ellipsis"),
    pytest.param(f"{HEAD}{MARK}\nclass TestA:\n    {DEF}\n        \"\"\"Only a docstring.\"\"\"\n\n    def test(self): ...\n", ["gc.collect()"], id="case-32 body is a docstring"),
    pytest.param(f"{HEAD}{MARK}\nclass TestA:\n    @staticmethod\n    def teardown_method():\n        x = 1\n\n    def test(self): ...\n", ["gc.collect()"], id="case-36 static"),
    pytest.param(f"{HEAD}{MARK}\nclass TestA:\n    @classmethod\n    def teardown_method(cls):\n        x = 1\n\n    def test(self): ...\n", ["gc.collect()"], id="case-36 class method"),
    pytest.param(f"{HEAD}{MARK}\nclass TestA:\n    @retry(3)\n    {DEF}\n        x = 1\n\n    def test(self): ...\n", ["gc.collect()"], id="case-36 decorated"),
    pytest.param(f"{HEAD}{MARK}\nclass TestA:\n    @classmethod\n    def teardown_class(cls): ...\n\n    def test(self): ...\n", NEW, id="case-47 only teardown_class"),
    pytest.param(f"{HEAD}{MARK}\nclass TestA:\n    def teardown(self): ...\n\n    def test(self): ...\n", NEW, id="case-47 only nose's teardown"),
    pytest.param(f"{HEAD}class Base:\n    def test(self): ...\n\n\nclass TestA(Base): ...\n".replace("(Base): ...", "(Base):\n    x = 1"), [MARK, *NEW], id="case-56 tests by inheritance only"),
    pytest.param(f'{HEAD}TEXT = """\nclass TestNo:\n    def test(self): ...\n"""\n\n\n{PLAIN_CLASS}', [MARK, *NEW], id="case-57 class text in a string"),
    pytest.param(f"{HEAD}class TestA:\n    async def test(self): ...\n", [MARK, *NEW], id="case-59 all methods async"),
    pytest.param(f"import abc\n{HEAD}class TestA(metaclass=abc.ABCMeta):\n    def test(self): ...\n", [MARK, *NEW], id="case-60 a metaclass"),
    pytest.param(f"from typing import Generic, TypeVar\n{HEAD}T = TypeVar('T')\n\n\nclass TestA(Generic[T]):\n    def test(self): ...\n", [MARK, *NEW], id="case-60 type parameters"),
]  # fmt: skip


@pytest.mark.parametrize(("before", "added"), ROWS)
def test_exactly_this_is_added(before: str, added: list[str], tmp_path: Path) -> None:
    assert lines_added(before, tmp_path) == added
    again = outcome_of(fixed(before, top=tmp_path), top=tmp_path)
    assert isinstance(again, NoChange), "case-72: a second run changes it"


def test_case_33_a_teardown_on_one_line_is_opened_up(tmp_path: Path) -> None:
    text = f"{HEAD}{MARK}\nclass TestA:\n    {DEF} self.x = 1\n\n    def test(self): ...\n"
    assert f"    {DEF}\n        self.x = 1\n        gc.collect()\n" in fixed(text, top=tmp_path)


def test_case_21_a_mark_on_a_method_is_told_with_the_joined_name(tmp_path: Path) -> None:
    text = f"{HEAD}{SAFE_CLASS}".replace(
        "    def test(", '    @pytest.mark.xdist_group("x")\n    def test('
    )
    outcome = outcome_of(text, top=tmp_path)
    assert isinstance(outcome, NoChange)
    assert "test has a group of its own: xdist joins to 'g_x'" in outcome.notes[0]


LEFT_ALONE = [
    pytest.param(
        "tests/test_it.py",
        f"# @generated by a tool\n{PLAIN_CLASS}",
        "it says that it is generated",
        id="case-68 generated",
    ),
    pytest.param(
        "tests/test_it.py",
        f"# Code generated. DO NOT EDIT\n{PLAIN_CLASS}",
        "it says that it is generated",
        id="case-68 do not edit",
    ),
    pytest.param(
        "vendor/lib/test_it.py",
        PLAIN_CLASS,
        "it is somebody else's, below vendor",
        id="case-68 vendored",
    ),
    pytest.param(
        "tests/test_it.py",
        "def test_it(): ...\n",
        "",
        id="case-67 top-level tests are never wrapped",
    ),
]


@pytest.mark.parametrize(("path", "text", "note"), LEFT_ALONE)
def test_files_that_are_left_alone(path: str, text: str, note: str, tmp_path: Path) -> None:
    outcome = outcome_of(text, top=tmp_path, path=path)
    assert isinstance(outcome, NoChange)
    assert note in " ".join(outcome.notes)


def test_case_69_a_huge_file_is_bounded(tmp_path: Path) -> None:
    text = f"{HEAD}DATA = [{', '.join(map(str, range(20_000)))}]\n\n\n{PLAIN_CLASS}"
    assert f"{MARK}\nclass TestA" in fixed(text, top=tmp_path)


def test_case_21_a_mark_on_a_parameter_set_is_told_as_well(tmp_path: Path) -> None:
    mark = (
        '    @pytest.mark.parametrize("p", [pytest.param(1, marks=pytest.mark.xdist_group("x"))])\n'
    )
    text = f"{HEAD}{SAFE_CLASS}".replace("    def test(", f"{mark}    def test(")
    outcome = outcome_of(text, top=tmp_path)
    assert isinstance(outcome, NoChange)
    assert "xdist joins to 'g_x'" in outcome.notes[0]


@pytest.mark.parametrize(
    "text",
    [pytest.param(p.values[0], id=str(p.id)) for p in [*EDITS, *MORE_EDITS, *ROWS]],
)
def test_inserted_lines_and_libcst_give_the_same_bytes(text: str, tmp_path: Path) -> None:
    from orchestrator.fixers.outcome import Source
    from orchestrator.memory_safety.fixer.editing.insertion import DoesNotFit, inserted
    from orchestrator.memory_safety.fixer.editing.transform import transformed_bytes
    from orchestrator.memory_safety.fixer.rules.classes import analyse

    analysis = analyse(Source("tests/test_it.py", text.encode(), {"group": "g"}), tmp_path)
    try:
        lines = inserted(text.encode(), analysis)
    except DoesNotFit:
        pytest.skip("left to libcst")
    assert lines == transformed_bytes(text.encode(), analysis)
