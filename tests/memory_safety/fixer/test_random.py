"""Random families of test classes do on real pytest what they did before, and collect."""

from __future__ import annotations

import json
import random
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from orchestrator.fixers.outcome import Edit, Outcome, Refusal, Source
from orchestrator.memory_safety.fixer import FIXER
from orchestrator.memory_safety.fixer.check import findings
from orchestrator.memory_safety.fixer.values.findings import Severity

pytestmark = pytest.mark.xdist_group("families")  # one worker migrates them all

FILES = 60
"""Each is a seed; all are collected by one process of pytest, before and after."""

CONFTEST = """\
import builtins
import gc
import json

import pytest

LOG, SEEN = [], {}
builtins.said = LOG.append


def on_collect(phase, info):
    if phase == "start" and info["generation"] == 2:
        LOG.append("COLLECT")


gc.disable()
gc.callbacks.append(on_collect)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item, nextitem):
    LOG.clear()
    result = yield
    marks = item.iter_markers("xdist_group")
    groups = {mark.args[0] if mark.args else mark.kwargs["name"] for mark in marks}
    SEEN[item.nodeid] = {"log": list(LOG), "groups": sorted(groups), "in_class": item.cls is not None}
    return result


def pytest_runtest_logreport(report):
    if report.failed:
        LOG.append(f"FAILED {report.when}")


def pytest_sessionfinish():
    with open("seen.json", "w") as out:
        json.dump(SEEN, out)
"""

Seen = dict[str, dict[str, list[str]]]


class Family:
    """One generated module: a few classes that derive from and nest each other."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)
        self._names: list[str] = []

    def text(self) -> str:
        lines = ["import unittest", "", "import pytest"]
        if self._chance(0.08):
            lines += ["", 'pytestmark = pytest.mark.xdist_group("module")']
        for number in range(self._random.randint(1, 4)):
            lines += ["", ""] if self._chance(0.5) else []
            lines += self._class(number)
        return "\n".join(lines) + ("\n" if self._chance(0.9) else "")

    def _chance(self, probability: float) -> bool:
        return self._random.random() < probability

    def _class(self, number: int, indent: str = "", depth: int = 0) -> list[str]:
        name = self._random.choice(["Test{}", "Test{}", "Base{}", "Mixin{}"]).format(number)
        bases = self._random.sample(
            self._names, min(len(self._names), self._random.choice([0, 0, 1, 1, 2]))
        )
        if self._chance(0.2):
            bases.append("unittest.TestCase")
        lines = [f"{indent}# about it"] if self._chance(0.1) else []
        lines += [f'{indent}@pytest.mark.xdist_group("own")'] if self._chance(0.06) else []
        lines += [f"{indent}class {name}{f'({chr(44).join(bases)})' if bases else ''}:"]
        body = [*self._body(name, number, f"{indent}    ", depth)]
        if depth == 0:
            self._names.append(name)
        return lines + (body or [f"{indent}    pass"])

    def _body(self, name: str, number: int, indent: str, depth: int) -> Iterator[str]:
        members = [
            [f"{indent}def test_{name.lower()}_{n}(self): said('test')"]
            for n in range(self._random.choice([0, 1, 1, 2]))
        ]
        if self._chance(0.45):
            members.append(self._teardown(name, indent))
        if depth < 2 and self._chance(0.2):
            members.append(self._class(number * 10 + 1, indent, depth + 1))
        self._random.shuffle(members)
        if self._chance(0.2):
            yield f'{indent}"""Doc."""'
        for member in members:
            yield from [""] if self._chance(0.4) else []
            yield from member

    def _teardown(self, name: str, indent: str) -> list[str]:
        method = self._random.choice(["teardown_method", "tearDown"])
        argument = "method" if method == "teardown_method" and self._chance(0.5) else ""
        say = f"said('{name} ends')"
        body = self._random.choice(
            [
                [say], ['"""Doc."""', say, "return"], ["if self:", "    return", say], ["pass"],
                [say, f"other = getattr(super(), {method!r}, None)", "if other:", f"    other({argument})"],
                [f"super().{method}({argument})", say], ["import gc", say, "gc.collect()"],
                ["try:", f"    {say}", "finally:", "    x = 1"], ["with open(__file__):", "    return"],
            ]
        )  # fmt: skip
        parameters = ", ".join(filter(None, ["self", argument]))
        lines = [f"{indent}def {method}({parameters}):", *(f"{indent}    {line}" for line in body)]
        return lines + ([f"{indent}    # the end"] if self._chance(0.2) else [])


@dataclass
class Migrated:
    """What was seen before and after every file was fixed."""

    before: Seen
    after: Seen
    outcomes: dict[str, Outcome] = field(default_factory=dict)
    errors_before: dict[str, int] = field(default_factory=dict)
    errors_after: dict[str, int] = field(default_factory=dict)
    joined: set[str] = field(default_factory=set)
    again: dict[str, Outcome] = field(default_factory=dict)


def run(top: Path) -> Seen:
    subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider"],
        cwd=top, capture_output=True, check=False,
    )  # fmt: skip
    seen: Seen = json.loads((top / "seen.json").read_text())
    return seen


@pytest.fixture(scope="module")
def migrated(tmp_path_factory: pytest.TempPathFactory) -> Migrated:
    top = tmp_path_factory.mktemp("families")
    (top / "conftest.py").write_text(CONFTEST)
    (top / "pytest.ini").write_text("[pytest]\nmarkers = xdist_group\n")
    for seed in range(FILES):
        text = Family(seed).text()
        try:
            exec(compile(text, "family", "exec"), {"said": print, "__name__": "family"})
        except TypeError:
            continue  # an order of bases that Python refuses
        (top / f"test_{seed}.py").write_text(text)
    seen = Migrated(run(top), {})
    paths = sorted(path.name for path in top.glob("test_*.py"))
    for name in paths:
        source = Source(name, (top / name).read_bytes())
        seen.outcomes[name] = FIXER.fix(source, top)
        seen.errors_before[name] = sum(f.level is Severity.ERROR for f in findings(source, top))
    for name, outcome in seen.outcomes.items():
        if isinstance(outcome, Edit):
            (top / name).write_bytes(outcome.data)
    for name in paths:
        source = Source(name, (top / name).read_bytes())
        seen.again[name] = FIXER.fix(source, top)
        found = findings(source, top)
        seen.errors_after[name] = sum(f.level is Severity.ERROR for f in found)
        seen.joined |= {name} if any(f.code == "MS004" for f in found) else set()
    seen.after = run(top)
    return seen


def edited(migrated: Migrated) -> Iterator[tuple[str, str]]:
    """Ids of tests in classes of edited files, each with its file."""
    for id_ in migrated.before:
        name = id_.partition("::")[0]
        if isinstance(migrated.outcomes[name], Edit):
            yield id_, name


def test_most_families_are_fixed(migrated: Migrated) -> None:
    kinds = [type(outcome) for outcome in migrated.outcomes.values()]
    assert kinds.count(Edit) > len(kinds) / 2


def test_every_test_does_what_it_did(migrated: Migrated) -> None:
    for id_, name in edited(migrated):
        old, new = (
            [line for line in seen[id_]["log"] if line != "COLLECT"]
            for seen in (migrated.before, migrated.after)
        )
        if "FAILED teardown" not in old:  # a base without the method, until it gets one
            assert old == new, (id_, name)


def test_every_test_of_a_class_collects(migrated: Migrated) -> None:
    for id_, name in edited(migrated):
        seen = migrated.after[id_]
        if seen["in_class"] and not any("FAILED" in line for line in seen["log"]):
            assert "COLLECT" in seen["log"], (id_, name)


def test_every_test_of_a_class_is_in_one_group_or_the_check_says_so(migrated: Migrated) -> None:
    for id_, name in edited(migrated):
        if migrated.after[id_]["in_class"]:
            assert migrated.after[id_]["groups"], id_
            assert len(migrated.after[id_]["groups"]) == 1 or name in migrated.joined, id_


def test_check_and_fixer_agree_and_a_second_run_changes_nothing(migrated: Migrated) -> None:
    for name, outcome in migrated.outcomes.items():
        needs = isinstance(outcome, Edit | Refusal)
        assert needs == bool(migrated.errors_before[name]), (name, outcome)
        if isinstance(outcome, Edit):
            assert not migrated.errors_after[name], name
            assert not isinstance(migrated.again[name], Edit | Refusal), name
        if isinstance(outcome, Refusal):
            assert "the edit" not in outcome.reason, (name, outcome.reason)
