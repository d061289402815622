"""A fixer runs in a child: what crashes, hangs or raises there costs one file, not the batch."""

from __future__ import annotations

from pathlib import Path

import pytest

from orchestrator.base.codec import decoded, encoded
from orchestrator.fixers import registry, runner
from orchestrator.fixers.outcome import Edit, NoChange, Outcome, Refusal, Source
from orchestrator.fixers.runner import outcomes

FIXER = """
import os, time
from orchestrator.fixers import Edit, FileFixer, NoChange, Refusal


class Fixer(FileFixer):
    name, version = "hostile", 1

    def fix(self, source, top):
        text = source.data.decode("latin-1")
        if text == "crash":
            os.kill(os.getpid(), 11)
        if text == "exit":
            os._exit(3)
        if text == "hang":
            time.sleep(600)
        if text == "raise":
            raise ValueError("a bug in the fixer")
        if text == "memory":
            bytearray(8 * 2**30)
        if text == "same":
            return NoChange(source.path, ("a note",))
        return Edit(source.path, source.data * 2, {"lines": 1}, ("noted",))


FIXER = Fixer()
"""


@pytest.fixture
def hostile(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A fixer called `hostile`, known to the child too, with a limit of two seconds a file."""
    (tmp_path / "site").mkdir()
    (tmp_path / "site/hostile_fixer.py").write_text(FIXER)
    (tmp_path / "site/sitecustomize.py").write_text(
        "from orchestrator.fixers import registry\nregistry._BUILT_IN['hostile'] = 'hostile_fixer:FIXER'\n"
    )
    monkeypatch.setenv("PYTHONPATH", str(tmp_path / "site"))
    monkeypatch.setitem(registry._BUILT_IN, "hostile", "hostile_fixer:FIXER")
    monkeypatch.setattr(runner, "FILE_LIMIT_S", 2)


def said(top: Path, *texts: str) -> list[Outcome]:
    sources = [Source(f"{n}.py", text.encode("latin-1")) for n, text in enumerate(texts)]
    return outcomes("hostile", sources, top=top)


@pytest.mark.usefixtures("hostile")
@pytest.mark.parametrize(
    ("bad", "reason"),
    [
        pytest.param("crash", "the fixer crashed on it (SIGSEGV)", id="fault-61 crash"),
        pytest.param("exit", "the fixer ended on it: exit code 3", id="exit"),
        pytest.param("raise", "the fixer failed: ValueError: a bug in the fixer", id="exception"),
        pytest.param("memory", "the fixer failed: MemoryError", id="memory"),
    ],
)
def test_case_75_a_bad_file_is_refused_and_the_others_go_on(
    bad: str, reason: str, tmp_path: Path
) -> None:
    before, middle, after = said(tmp_path, "x\xe9\r\n", bad, "same")
    assert before == Edit("0.py", b"x\xe9\r\nx\xe9\r\n", {"lines": 1}, ("noted",))
    assert isinstance(middle, Refusal)
    assert (middle.path, reason in middle.reason) == ("1.py", True), middle.reason
    assert after == NoChange("2.py", ("a note",))


@pytest.mark.parametrize(
    "outcome",
    [
        Edit("a", bytes(range(256)), {"n": 2}, ("x",)),
        NoChange("b", ("y",)),
        Refusal("c", "why", "many\nlines"),
    ],
    ids=["edit", "no change", "refusal"],
)
def test_an_outcome_survives_the_way_through_the_pipe(outcome: Outcome) -> None:
    assert decoded(Outcome, encoded(outcome)) == outcome


def test_a_source_survives_the_way_through_the_pipe() -> None:
    source = Source("p", bytes(range(256)), {"group": "g"})
    assert decoded(Source, encoded(source)) == source


def test_nothing_is_started_for_no_files(tmp_path: Path) -> None:
    assert outcomes("no-such-fixer", [], top=tmp_path) == []


@pytest.mark.usefixtures("hostile")
def test_fault_62_an_endless_file_is_ended(tmp_path: Path) -> None:
    first, second = said(tmp_path, "hang", "same")
    assert isinstance(first, Refusal)
    assert "needed more than 2 s" in first.reason
    assert isinstance(second, NoChange)


def test_a_folder_called_orchestrator_in_the_users_repository_is_not_ours(tmp_path: Path) -> None:
    (tmp_path / "orchestrator").mkdir()
    (tmp_path / "orchestrator/__init__.py").write_text("raise SystemExit('not ours')")
    (outcome,) = outcomes("memory-safety", [Source("test_a.py", b"")], top=tmp_path)
    assert isinstance(outcome, NoChange)
