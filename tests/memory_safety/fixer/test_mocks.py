"""Case 58 across files: which classes can touch a mock, with the fixtures and helpers they use."""

from __future__ import annotations

from pathlib import Path

import pytest
from test_findings import errors

MOCK = "from unittest.mock import Mock, patch\nimport pytest\n"
FIXTURE = f"{MOCK}@pytest.fixture\ndef client(): return Mock()\n"
PLAIN = "import pytest\n@pytest.fixture\ndef plain(): return 1\n"


def using(what: str, head: str = "") -> str:
    """A test file whose only test does `what`, or asks for it when it is a parameter list."""
    test = f"def test(self, {what}): ..." if what.isidentifier() else f"def test(self): {what}"
    return f"{head}class TestA:\n    {test}\n"


ASKED: dict[str, tuple[str, dict[str, str]]] = {
    "fixture of a parent's conftest": (using("client"), {"conftest.py": FIXTURE}),
    "a child's fixture uses the parent's": (
        using("session"),
        {"conftest.py": FIXTURE,
         "tests/conftest.py": "import pytest\n@pytest.fixture\ndef session(client): return client\n"}),
    "conftest with a helper module": (
        using("client"),
        {"tests/conftest.py": "import pytest\nfrom tests.helpers import make\n@pytest.fixture\ndef client(): return make()\n",
         "tests/helpers.py": f"{MOCK}def make(): return Mock()\n"}),
    "fixtures imported into conftest": (
        using("client"),
        {"tests/conftest.py": "from .fixtures import client\n", "tests/fixtures.py": FIXTURE}),
    "fixtures starred into conftest": (
        using("client"),
        {"tests/conftest.py": "from .fixtures import *\n", "tests/fixtures.py": FIXTURE}),
    "a plugin that conftest names": (
        using("client"),
        {"conftest.py": "pytest_plugins = ['tests.fixtures']\n", "tests/fixtures.py": FIXTURE}),
    "a plugin that the file names": (
        using("client", "pytest_plugins = 'tests.fixtures'\n"), {"tests/fixtures.py": FIXTURE}),
    "getfixturevalue": (
        "class TestA:\n    def test(self, request): request.getfixturevalue('client')\n",
        {"conftest.py": FIXTURE}),
    "usefixtures for the module": (
        using("...", "import pytest\npytestmark = [pytest.mark.usefixtures('client')]\n"), {"conftest.py": FIXTURE}),
    "autouse in a conftest": (
        using("..."),
        {"conftest.py": f"{MOCK}@pytest.fixture(autouse=True)\ndef client(): return Mock()\n"}),
    "helper": (using("make()", "from .helpers import make\n"), {"tests/helpers.py": f"{MOCK}def make(): return Mock()\n"}),
    "helper of a helper": (
        using("make()", "from .helpers import make\n"),
        {"tests/helpers.py": "from .more import really\ndef make(): return really()\n",
         "tests/more.py": f"{MOCK}def really(): return Mock()\n"}),
    "helper by star": (using("make()", "from .helpers import *\n"), {"tests/helpers.py": f"{MOCK}def make(): return Mock()\n"}),
    "helper by its module": (
        using("fakes.make()", "from . import fakes\n"), {"tests/fakes.py": f"{MOCK}def make(): return Mock()\n"}),
    "helper by its dotted module": (
        using("tests.fakes.make()", "import tests.fakes\n"), {"tests/fakes.py": f"{MOCK}def make(): return Mock()\n"}),
    "helpers that import each other": (
        using("one()", "from .one import one\n"),
        {"tests/one.py": f"{MOCK}from .two import two\ndef one(): return two()\ndef mine(): return Mock()\n",
         "tests/two.py": "from .one import mine\ndef two(): return mine()\n"}),
    "base elsewhere": (
        "from .base import Base\nclass TestA(Base):\n    def test(self): ...\n",
        {"tests/base.py": f"{MOCK}class Base:\n    def make(self): return Mock()\n"}),
    "setup_module": (using("THE.x()", f"{MOCK}def setup_module():\n    global THE\n    THE = Mock()\n"), {}),
    "setup_module on the module": (using("..."  , f"{MOCK}def setup_module(module): module.it = Mock()\n"), {}),
    "two names at once": (using("b.x()", f"{MOCK}a, b = Mock(), Mock()\n"), {}),
    "with at module level": (using("it.x()", f"{MOCK}with patch('os.getcwd') as it:\n    import json\n"), {}),
    "autouse imported into conftest": (
        using("..."), {"conftest.py": "from fx import net\n", "fx.py": f"{MOCK}@pytest.fixture(autouse=True)\ndef net(): return Mock()\n"}),
    "autouse starred into conftest": (
        using("..."), {"conftest.py": "from fx import *\n", "fx.py": f"{MOCK}@pytest.fixture(autouse=True)\ndef net(): return Mock()\n"}),
    "autouse imported into the file": (
        using("...", "from fx import net\n"), {"fx.py": f"{MOCK}@pytest.fixture(autouse=True)\ndef net(): return Mock()\n"}),
    "autouse by another name": (using("...", f"{MOCK}auto = pytest.fixture(autouse=True)\n@auto\ndef net(): return Mock()\n"), {}),
    "autouse that is no literal": (using("...", f"{MOCK}ON = True\n@pytest.fixture(autouse=ON)\ndef net(): return Mock()\n"), {}),
    "a plugin of addopts": (using("client"), {"pytest.ini": "[pytest]\naddopts = -p plug\n", "plug.py": FIXTURE}),
    "usefixtures of the configuration": (using("..."), {"pytest.ini": "[pytest]\nusefixtures = client\n", "conftest.py": FIXTURE}),
    "a fixture made by a call": (using("svc"), {"conftest.py": f"{MOCK}def _svc(): return Mock()\nsvc = pytest.fixture(_svc)\n"}),
    "getfixturevalue by keyword": ("class TestA:\n    def test(self, request): request.getfixturevalue(argname='client')\n", {"conftest.py": FIXTURE}),
    "getfixturevalue of a variable": ("class TestA:\n    def test(self, request):\n        name = 'client'\n        request.getfixturevalue(name)\n", {"conftest.py": FIXTURE}),
    "a package that tests import": (using("make()", "from src.app import make\n"), {"src/app.py": f"{MOCK}def make(): return Mock()\n"}),
    "conftest imports from a package": (using("svc"), {"tests/conftest.py": "from mypkg.testing import svc\n", "mypkg/testing.py": f"{MOCK}@pytest.fixture\ndef svc(): return Mock()\n"}),
    "a hook of conftest": (using("..."), {"conftest.py": f"{MOCK}def pytest_runtest_setup(item): item.m = Mock()\n"}),
    "a star from mocks": (using("Mock()", "from unittest.mock import *\n"), {}),
    "asynctest": (using("asynctest.CoroutineMock()", "import asynctest\n"), {}),
    "under a condition": (using("it.x()", f"{MOCK}if True:\n    it = Mock()\n"), {}),
}  # fmt: skip


@pytest.mark.parametrize("what", ASKED)
def test_case_58_a_class_is_asked_because_of(what: str, tmp_path: Path) -> None:
    text, others = ASKED[what]
    write(tmp_path, others)
    assert errors(text, tmp_path, require="mocks")[:2] == ["MS001", "MS002"]


NOT_ASKED: dict[str, tuple[str, dict[str, str]]] = {
    "another fixture of the conftest": (using("plain"), {"conftest.py": FIXTURE + PLAIN}),
    "another helper of the module": (
        using("other()", "from .helpers import other\n"),
        {"tests/helpers.py": f"{MOCK}def make(): return Mock()\ndef other(): ...\n"}),
    "another function of a helper module": (
        using("fakes.other()", "from . import fakes\n"), {"tests/fakes.py": f"{MOCK}def make(): return Mock()\ndef other(): ...\n"}),
    "a fixture of a sibling folder": (using("client"), {"tests/unit/conftest.py": FIXTURE}),
    "autouse that is off": (using("...", f"{MOCK}@pytest.fixture(autouse=False)\ndef net(): return Mock()\n"), {}),
    "a conftest that imports a mock for nothing": (using("patch"), {"conftest.py": f"{MOCK}"}),
    "files that import each other": (
        using("one()", "from .one import one\n"),
        {"tests/one.py": "from .two import two\ndef one(): return two\n",
         "tests/two.py": "from .one import one\ndef two(): return one\n",
         "tests/conftest.py": "from .one import one\nfrom .two import two\n"}),
}  # fmt: skip


@pytest.mark.parametrize("what", NOT_ASKED)
def test_case_58_a_class_is_not_asked_because_of(what: str, tmp_path: Path) -> None:
    text, others = NOT_ASKED[what]
    write(tmp_path, others)
    assert errors(text, tmp_path, require="mocks") == []
    assert errors(text, tmp_path, require="all")[:2] == ["MS001", "MS002"]


def write(top: Path, files: dict[str, str]) -> None:
    for path, text in files.items():
        (top / path).parent.mkdir(parents=True, exist_ok=True)
        (top / path).write_text(text)
