"""The check decides as the fixer does: what it passes is never edited, what is written passes."""

from __future__ import annotations

from pathlib import Path

import pytest
from support import Edit, NoChange, Refusal, outcome_of
from test_cases import EDITS, HEAD, MORE_EDITS, REFUSED, SAFE_CLASS, UNCHANGED

from orchestrator.fixers.outcome import Source
from orchestrator.memory_safety.fixer import FIXER
from orchestrator.memory_safety.fixer.check import findings
from orchestrator.memory_safety.fixer.rules.findings import RULES
from orchestrator.memory_safety.fixer.values.findings import Finding, Severity

OPTIONS = {"group": "g"}
TEXTS = [
    pytest.param(param.values[0], id=str(param.id))
    for param in [*EDITS, *MORE_EDITS, *REFUSED, *UNCHANGED]
]


def checked(text: str, top: Path, path: str = "tests/test_it.py", **options: str) -> list[Finding]:
    file = top / path
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text, newline="")
    return list(findings(Source(path, text.encode(), {**OPTIONS, **options}), top))


def errors(text: str, top: Path, **options: str) -> list[str]:
    return [f.code for f in checked(text, top, **options) if f.level is Severity.ERROR]


@pytest.mark.parametrize("text", TEXTS)
def test_case_73_check_and_fixer_agree_on_every_case(text: str, tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").touch()
    outcome = outcome_of(text, top=tmp_path)
    found = errors(text, tmp_path)
    match outcome:
        case NoChange():
            assert found == []
        case Edit(_, data):
            assert found != []
            assert errors(data.decode(), tmp_path) == []
        case Refusal():
            assert found != [] or "\f" in text or "\r" in text  # those are for the edit to refuse


MOCKED = "from unittest.mock import Mock\n\n\n"


def with_body(body: str, head: str = "") -> str:
    return f"{head}class TestA:\n    {body}\n"


TOUCHES = [
    pytest.param(with_body("def test(self): Mock()", MOCKED), id="imported name"),
    pytest.param(
        with_body("def test(self): m.Mock()", "from unittest import mock as m\n\n\n"), id="alias"
    ),
    pytest.param(
        with_body("def test(self): unittest.mock.Mock()", "import unittest.mock\n\n\n"), id="dotted"
    ),
    pytest.param(
        with_body(
            "@patch('x.y')\n    def test(self, y): ...", "from unittest.mock import patch\n\n\n"
        ),
        id="patch decorator",
    ),
    pytest.param(with_body("def test(self, mocker): ..."), id="pytest-mock"),
    pytest.param(
        with_body(
            "def test(self, client): ...",
            MOCKED + "import pytest\n\n\n@pytest.fixture\ndef client(): return Mock()\n\n\n",
        ),
        id="fixture of the module",
    ),
    pytest.param(
        with_body(
            "def test(self, c): ...",
            MOCKED
            + "import pytest\n\n\n@pytest.fixture(name='c')\ndef client(): return Mock()\n\n\n",
        ),
        id="named fixture",
    ),
    pytest.param(
        with_body(
            "def test(self, other): ...",
            MOCKED
            + "import pytest\n\n\n@pytest.fixture\ndef client(): return Mock()\n\n\n@pytest.fixture\ndef other(client): return client\n\n\n",
        ),
        id="fixture of a fixture",
    ),
    pytest.param(
        with_body(
            "def test(self): ...",
            MOCKED
            + "import pytest\n\n\n@pytest.fixture(autouse=True)\ndef client(): return Mock()\n\n\n",
        ),
        id="autouse",
    ),
    pytest.param(
        with_body("def test(self): make()", MOCKED + "def make(): return Mock()\n\n\n"), id="helper"
    ),
    pytest.param(
        with_body("def test(self): THE.x()", MOCKED + "THE = Mock()\n\n\n"), id="module level"
    ),
    pytest.param(
        "import pytest\n"
        + with_body(
            "def test(self): ...",
            MOCKED
            + "import pytest\n\n\n@pytest.fixture\ndef client(): return Mock()\n\n\n@pytest.mark.usefixtures('client')\n",
        ),
        id="usefixtures",
    ),
    pytest.param(
        MOCKED
        + "class Base:\n    def helper(self): return Mock()\n\n\nclass TestA(Base):\n    def test(self): ...\n",
        id="base",
    ),
    pytest.param(
        with_body(
            "def test(self): create_autospec(int)",
            "from unittest.mock import create_autospec\n\n\n",
        ),
        id="autospec",
    ),
]


@pytest.mark.parametrize("text", TOUCHES)
def test_case_58_a_class_that_can_touch_a_mock_is_asked(text: str, tmp_path: Path) -> None:
    assert errors(text, tmp_path, require="mocks")[:2] == ["MS001", "MS002"]


UNTOUCHED = [
    pytest.param(with_body("def test(self): ..."), id="no mock at all"),
    pytest.param(
        with_body("def test(self): ...", MOCKED + "def test_b(): Mock()\n\n\n"),
        id="in a function beside it",
    ),
    pytest.param(with_body("def test(self): 'mock patch'"), id="in a string"),
]


@pytest.mark.parametrize("text", UNTOUCHED)
def test_case_58_a_class_that_cannot_is_left_alone_unless_all_are_asked(
    text: str, tmp_path: Path
) -> None:
    assert errors(text, tmp_path, require="mocks") == []
    assert errors(text, tmp_path, require="all")[:2] == ["MS001", "MS002"]
    outcome = FIXER.fix(Source("tests/test_it.py", text.encode(), {"require": "mocks"}), tmp_path)
    assert isinstance(outcome, NoChange)
    assert "with require `all` it is asked" in " ".join(outcome.notes)


def test_case_58_fixtures_of_conftest_files_and_helpers_of_the_repository_count(
    tmp_path: Path,
) -> None:
    (tmp_path / "tests").mkdir()
    (tmp_path / "conftest.py").write_text(
        "from unittest.mock import Mock\nimport pytest\n@pytest.fixture\ndef client(): return Mock()\n"
    )
    (tmp_path / "tests/helpers.py").write_text(
        "from unittest.mock import Mock\ndef make(): return Mock()\ndef other(): ...\n"
    )
    assert errors(with_body("def test(self, client): ..."), tmp_path, require="mocks")
    assert errors(
        with_body("def test(self): make()", "from tests.helpers import make\n"),
        tmp_path,
        require="mocks",
    )
    assert not errors(
        with_body("def test(self): other()", "from tests.helpers import other\n"),
        tmp_path,
        require="mocks",
    )


HIDES = f"import gc\nimport pytest\n\n\nclass Base:\n    def teardown_method(self): self.close()\n\n\n{SAFE_CLASS}".replace(
    "TestA:", "TestA(Base):"
)
ADVICE = [
    pytest.param(HIDES, "MS005", "teardown_method hides that of Base", id="a hidden teardown"),
    pytest.param(
        "import sys\nimport pytest\n\n\n@pytest.mark.skipif('dist' in sys.modules, reason='x')\ndef test(): ...\nclass A: ...\n",
        "MS006",
        "never in sys.modules",
        id="never",
    ),
    pytest.param(
        "import sys\n\nIS = 'xdist' in sys.modules\n\n\nclass TestA: ...\n",
        "MS006",
        "always in sys.modules",
        id="always",
    ),
    pytest.param(
        "import os\nimport pytest\n\n\n@pytest.mark.skipif(os.environ.get('PYTEST_XDIST_WORKER'), reason='x')\nclass TestA: ...\n",
        "MS006",
        "evaluates a string as code",
        id="a string",
    ),
    pytest.param(
        with_body("def setup_method(self): self.client = Mock()", MOCKED),
        "MS007",
        "self.client outlives its test",
        id="case-48 on self",
    ),
    pytest.param(
        MOCKED + "CLIENT = Mock()\n\n\nclass TestA: ...\n",
        "MS007",
        "at module level",
        id="module level",
    ),
    pytest.param(
        MOCKED
        + "import pytest\n\n\n@pytest.fixture(scope='module')\ndef client(): return Mock()\n",
        "MS008",
        "module-scoped fixture client",
        id="scoped fixture",
    ),
]


@pytest.mark.parametrize(("text", "code", "message"), ADVICE)
def test_advice_is_told_and_fails_nothing(
    text: str, code: str, message: str, tmp_path: Path
) -> None:
    (found,) = [f for f in checked(text, tmp_path) if f.level is not Severity.ERROR]
    assert (found.code, message in found.message) == (code, True)


def test_case_66_of_a_conftest_only_its_fixtures_are_looked_at(tmp_path: Path) -> None:
    text = (
        MOCKED
        + "import pytest\n\n\n@pytest.fixture(scope='session')\ndef client(): return Mock()\n\n\nclass TestA:\n    def test(self): ...\n"
    )
    found = checked(text, tmp_path, path="tests/conftest.py")
    assert [f.code for f in found] == ["MS008"]


IGNORED = [
    pytest.param(
        "class TestA:  # memory-safety: ignore\n    def test(self): ...\n", id="on the header"
    ),
    pytest.param(
        "# memory-safety: ignore (measured)\nclass TestA:\n    def test(self): ...\n", id="above"
    ),
    pytest.param(
        "import pytest\n\n\n# memory-safety: ignore\n@pytest.mark.slow\nclass TestA:\n    def test(self): ...\n",
        id="above its decorators",
    ),
    pytest.param(
        "# memory-safety: ignore-file\nclass TestA:\n    def test(self): ...\n", id="the file"
    ),
]


@pytest.mark.parametrize("text", IGNORED)
def test_case_71_a_pragma_leaves_it_alone(text: str, tmp_path: Path) -> None:
    assert errors(text, tmp_path) == []
    outcome = outcome_of(text, top=tmp_path)
    assert isinstance(outcome, NoChange)
    assert "left alone: it says" in " ".join(outcome.notes)


def test_case_71_a_pragma_in_a_string_or_a_test_is_none(tmp_path: Path) -> None:
    text = "class TestA:\n    def test(self): ...  # memory-safety: ignore\n"
    assert errors(text, tmp_path) != []


def test_a_finding_has_its_place_and_says_what_to_do(tmp_path: Path) -> None:
    text = f"{HEAD}class TestA:\n    def test(self): ...\n"
    first, second = checked(text, tmp_path)
    assert (first.line, first.column, first.code, first.subject) == (6, 1, "MS001", "TestA")
    assert first.message == 'add @pytest.mark.xdist_group(name="g")'
    assert second.message == "add a teardown_method that calls gc.collect()"
    assert set(RULES) == {f"MS00{n}" for n in range(9)}


def test_gc_that_is_used_and_not_imported_is_ms003(tmp_path: Path) -> None:
    text = f"import pytest\n\n\n{SAFE_CLASS}"
    assert errors(text, tmp_path) == ["MS003"]


def test_case_64_what_cannot_be_read_is_an_error_with_its_line(tmp_path: Path) -> None:
    (found,) = checked("x = 1\nclass TestA(:\n", tmp_path)
    assert (found.line, found.code) == (2, "MS000")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"require": "some"}, "it can be 'mocks' or 'all'"),
        ({"gruop": "x"}, "did you mean 'group'?"),
        ({"clear_instance": "yes"}, "it can be true or false"),
        ({"docstring": 'a "b"'}, "without double quotes"),
        ({"docstring": ""}, "docstring must be text"),
    ],
)
def test_options_that_mean_nothing_are_problems(options: dict[str, str], message: str) -> None:
    assert message in " ".join(FIXER.option_problems("tests/test_it.py", options))


def test_the_docstring_of_a_teardown_can_be_chosen(tmp_path: Path) -> None:
    text = "class TestA:\n    def test(self): ...\n"
    options = {"docstring": "Collect what the test left behind."}
    outcome = FIXER.fix(Source("tests/test_it.py", text.encode(), options), tmp_path)
    assert isinstance(outcome, Edit)
    assert '"""Collect what the test left behind."""' in outcome.data.decode()


def edited(text: str, top: Path, **options: bool) -> str:
    given: dict[str, str | bool | int] = {**OPTIONS, **options}
    outcome = FIXER.fix(Source("tests/test_it.py", text.encode(), given), top)
    assert isinstance(outcome, Edit), outcome
    again = FIXER.fix(Source("tests/test_it.py", outcome.data, given), top)
    assert isinstance(again, NoChange), "a second run changes it"
    return outcome.data.decode()


CLEARED = [
    pytest.param(
        "class TestA:\n    def test(self): ...\n",
        "        self.__dict__.clear()\n        gc.collect()\n",
        id="a new teardown",
    ),
    pytest.param(
        "class TestA:\n    def teardown_method(this): this.x = 1\n    def test(self): ...\n",
        "this.x = 1\n        this.__dict__.clear()\n        gc.collect()\n",
        id="an existing one",
    ),
    pytest.param(
        f"{HEAD}{SAFE_CLASS}",
        "        gc.collect()\n        self.__dict__.clear()\n        gc.collect()\n",
        id="one that collects already",
    ),
    pytest.param(
        "import unittest\n\n\nclass TestA(unittest.TestCase):\n    def test(self): ...\n",
        "super().tearDown()\n        gc.collect()\n",
        id="never a TestCase",
    ),
]


@pytest.mark.parametrize(("text", "part"), CLEARED)
def test_case_48_clear_instance_empties_the_instance_before_collecting(
    text: str, part: str, tmp_path: Path
) -> None:
    assert part in edited(text, tmp_path, clear_instance=True)


SKIP = 'os.environ.get("PYTEST_XDIST_WORKER") is not None'
SKIPPED = [
    pytest.param(
        "class TestA:\n    def test(self): ...\n",
        f'import gc\nimport os\n\nimport pytest\n\n\n@pytest.mark.xdist_group(name="g")\n@pytest.mark.skipif({SKIP}, reason=',
        id="both marks, with the import",
    ),
    pytest.param(
        "import os as o\n\n\nclass TestA:\n    def test(self): ...\n",
        f"@pytest.mark.skipif(o.{SKIP[3:]}, reason=",
        id="the module's own name",
    ),
    pytest.param(
        f"{HEAD}{SAFE_CLASS}",
        f"@pytest.mark.skipif({SKIP}, reason=",
        id="beside a mark that is there",
    ),
]


@pytest.mark.parametrize(("text", "part"), SKIPPED)
def test_skip_under_xdist_adds_the_condition_that_is_right(
    text: str, part: str, tmp_path: Path
) -> None:
    after = edited(text, tmp_path, skip_under_xdist=True)
    assert part in after
    assert after.count("skipif") == 1
    assert [f for f in checked(after, tmp_path) if f.code == "MS006"] == []


def test_a_teardown_that_calls_its_base_hides_nothing(tmp_path: Path) -> None:
    for call in ("super().teardown_method()", "Base.teardown_method(self)"):
        text = HIDES.replace("        gc.collect()", f"        {call}\n        gc.collect()")
        assert checked(text, tmp_path) == []


NESTED = [
    pytest.param(
        "import unittest\n\n\nclass TestO:\n    def test(self): ...\n    class TestI(unittest.TestCase):\n        def test(self): ...\n",
        "the TestCase TestO.TestI is nested",
        id="case-46 a TestCase inside",
    ),
    pytest.param(
        "class TestO:\n    def test(self): ...\n    class TestI:  # memory-safety: ignore\n        def test(self): ...\n",
        "is nested in it and left alone",
        id="case-46 one that is left alone",
    ),
    pytest.param(
        "class TestO:\n    def test(self): ...\n    class TestI:\n        def teardown_method(self): del self.x\n        def test(self): ...\n",
        "would then run twice",
        id="case-46 one whose teardown would run twice",
    ),
    pytest.param(
        "import unittest\n\n\nclass TestP:\n    def test(self): ...\n\n\nclass TestR(TestP, unittest.TestCase):\n    def test_b(self): ...\n",
        "the TestCase TestR derives from it",
        id="case-44 a TestCase derives from it",
    ),
    pytest.param(
        f"{HEAD}@pytest.mark.xdist_group('g')\nclass TestA:\n    async def teardown_method(self): gc.collect()\n    def test(self): ...\n",
        "is async",
        id="case-34 async, though it says collect",
    ),
    pytest.param(
        f"{HEAD}@pytest.mark.xdist_group('g')\nclass TestA:\n    def teardown_method(self):\n        yield\n        gc.collect()\n    def test(self): ...\n",
        "is a generator",
        id="case-35 a generator, though it says collect",
    ),
]


@pytest.mark.parametrize(("text", "reason"), NESTED)
def test_what_a_new_teardown_would_break_is_refused_and_told(
    text: str, reason: str, tmp_path: Path
) -> None:
    outcome = outcome_of(text, top=tmp_path)
    assert isinstance(outcome, Refusal), outcome
    assert reason in outcome.reason
    assert errors(text, tmp_path) != []


def test_a_nest_of_classes_is_asked_together(tmp_path: Path) -> None:
    """pytest runs the teardown of the outer class for the inner one: it must have one as well."""
    text = (
        MOCKED
        + "class TestO:\n    def test(self): Mock()\n\n    class TestI:\n        def test(self): ...\n"
    )
    outcome = FIXER.fix(Source("tests/test_it.py", text.encode(), {"require": "mocks"}), tmp_path)
    assert isinstance(outcome, Edit)
    assert outcome.counts["teardowns"] == 2


def test_a_pragma_on_a_base_is_kept(tmp_path: Path) -> None:
    text = "class TestBase:  # memory-safety: ignore\n    def test(self): ...\n\n\nclass TestSub(TestBase):\n    def test_b(self): ...\n"
    after = edited(text, tmp_path)
    assert after.count("def teardown_method") == 1
    assert after.index("class TestSub") < after.index("def teardown_method")


@pytest.mark.parametrize(
    "line",
    [
        "self.x and gc.collect()",
        "gc.collect() if self.x else None",
        "try: self.x(); gc.collect()\n        except ValueError: ...",
        "with nullcontext(): return\n        gc.collect()",
        "if True: return\n        gc.collect()",
        "if self.x: return\n        else: raise OSError\n        gc.collect()",
        "try: return\n        finally: self.x()\n        gc.collect()",
        "with contextlib.suppress(OSError):\n            self.x()\n            gc.collect()",
        "[gc.collect() for _ in self.x]",
        "list(gc.collect() for _ in self.x)",
        "lambda: gc.collect()",
    ],
)
def test_case_39_a_collect_that_may_not_run_does_not_count(line: str, tmp_path: Path) -> None:
    text = f"{HEAD}{SAFE_CLASS}".replace("gc.collect()", line)
    assert errors(text, tmp_path) == ["MS002"]


def test_case_62_a_byte_order_mark_before_an_import_is_kept(tmp_path: Path) -> None:
    data = "\ufeffimport os\n\n\nclass TestA:\n    def test(self): ...\n".encode()
    outcome = FIXER.fix(Source("tests/test_it.py", data, OPTIONS), tmp_path)
    assert isinstance(outcome, Edit)
    assert outcome.data.startswith("\ufeffimport gc\nimport os\n".encode())


def test_a_long_line_of_bases_takes_no_time(tmp_path: Path) -> None:
    text = "class TestA0:\n    def test(self): ...\n" + "".join(
        f"class TestA{n}(TestA{n - 1}): x = 1\n" for n in range(1, 150)
    )
    assert errors(text, tmp_path)


def test_a_parameter_called_dataclass_makes_none(tmp_path: Path) -> None:
    text = "import pytest\n\n\n@pytest.mark.parametrize('dataclass_type', [1])\nclass TestA:\n    def test(self, dataclass_type): ...\n"
    assert errors(text, tmp_path) == ["MS001", "MS002"]


GROUP_A, GROUP_B = '@pytest.mark.xdist_group("a")\n', '@pytest.mark.xdist_group("b")\n'
JOINED = [
    pytest.param(f"{GROUP_A}{GROUP_B}class TestA:\n    def test(self): ...\n", "is in the groups 'a' and 'b', which xdist joins to 'a_b'", id="two on a class"),
    pytest.param(f"pytestmark = pytest.mark.xdist_group('m')\n{GROUP_A}class TestA:\n    def test(self): ...\n", "joins to 'a_m'", id="module and class"),
    pytest.param(f"{GROUP_A}class TestA:\n    @pytest.mark.xdist_group('i')\n    class TestB:\n        def test(self): ...\n", "TestA.TestB", id="nested"),
    pytest.param(f"{GROUP_A}class Base: ...\n{GROUP_B}class TestA(Base):\n    def test(self): ...\n", "joins to 'a_b'", id="base and class"),
    pytest.param(f"{GROUP_A}class Base: ...\n{GROUP_B}class Mixin: ...\nclass TestA(Base, Mixin):\n    def test(self): ...\n", "joins to 'a_b'", id="two bases"),
    pytest.param(f"{GROUP_A}{GROUP_B}class TestA:\n    @pytest.mark.xdist_group('c')\n    def test(self): ...\n", "test has a group of its own: xdist joins to 'a_b_c'", id="method and two on the class"),
    pytest.param(f"class TestA:\n    def test(self): ...\n{GROUP_B}class TestB(TestA): ...\n", "joins to 'b_g'", id="ours would join a derived class's"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "message"), JOINED)
def test_case_22_groups_that_xdist_joins_are_told(text: str, message: str, tmp_path: Path) -> None:
    found = checked(f"import pytest\n{text}", tmp_path)
    told = [f"{f.subject} {f.message}" for f in found if f.code == "MS004"]
    assert any(message in one for one in told), told


ONE_GROUP = [
    pytest.param(f"{GROUP_A}class TestA:\n    {GROUP_A}    def test(self): ...\n", id="method, the same"),
    pytest.param(f"{GROUP_A}class TestA:\n    {GROUP_A}    class TestB:\n        def test(self): ...\n", id="nested, the same"),
    pytest.param("pytestmark = pytest.mark.xdist_group('m')\nclass TestA:\n    def test(self): ...\n", id="module alone"),
]  # fmt: skip


@pytest.mark.parametrize("text", ONE_GROUP)
def test_one_group_said_twice_is_no_conflict(text: str, tmp_path: Path) -> None:
    assert not [f for f in checked(f"import pytest\n{text}", tmp_path) if f.code == "MS004"]


KEPT = "from unittest.mock import Mock\nimport unittest\n\n\n"
HELD = [
    pytest.param(f"{KEPT}class TestA:\n    def test(self): self.m = Mock()\n", ["self.m"], id="on the instance"),
    pytest.param(f"{KEPT}class A(unittest.TestCase):\n    def test(self): self.m = Mock()\n", [], id="pytest drops a TestCase"),
    pytest.param(f"{KEPT}class TestA:\n    def teardown_method(self): self.__dict__.clear()\n    def test(self): self.m = Mock()\n", [], id="cleared"),
    pytest.param(f"{KEPT}class Base:\n    def teardown_method(me): me.__dict__.clear()\n\n\nclass TestA(Base):\n    def test(self): self.m = Mock()\n", [], id="cleared by the base"),
    pytest.param(f"{KEPT}class TestA:\n    m = Mock()\n    def test(self): ...\n", ["m is"], id="class attribute"),
    pytest.param(f"{KEPT}class TestA:\n    def setup_class(cls): cls.k = Mock()\n    def test(self): ...\n", ["cls.k"], id="setup_class"),
    pytest.param(f"{KEPT}class A(unittest.TestCase):\n    @classmethod\n    def setUpClass(cls): cls.k = Mock()\n    def test(self): ...\n", ["cls.k"], id="setUpClass"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "named"), HELD)
def test_ms007_names_what_really_outlives_its_test(
    text: str, named: list[str], tmp_path: Path
) -> None:
    told = [f.message for f in checked(text, tmp_path) if f.code == "MS007"]
    assert len(told) == len(named)
    assert all(name in message for name, message in zip(named, told, strict=True))


@pytest.mark.parametrize(
    "condition",
    ['os.getenv("PYTEST_XDIST_WORKER") == "master"', 'hasattr(sys, "workerinput")', 'hasattr(pytest, "xdist")',
     '"xdist" in sys.modules', '"dist" not in sys.modules', 'os.environ["PYTEST_XDIST_WORKER"] == "gw0"'],
)  # fmt: skip
def test_ms006_names_conditions_that_cannot_know(condition: str, tmp_path: Path) -> None:
    text = f"import os, sys\nimport pytest\n\nSKIP = {condition}\n"
    text += "\n\nclass Holder: ...\n"
    found = [f for f in checked(text, tmp_path) if f.code == "MS006"]
    assert len(found) == int("gw0" not in condition)
