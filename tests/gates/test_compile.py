"""The compile gate asks the project's own interpreter."""

from __future__ import annotations

import sys
from pathlib import Path

from orchestrator.base.outcomes import GateResult
from orchestrator.gates.compile import compile_gate
from orchestrator.gates.verdict import Verdict
from orchestrator.project.interpreter import Wanted, interpreter


def judged(top: Path, **files: str) -> Verdict:
    for name, text in files.items():
        (top / f"{name}.py").write_text(text)
    python = interpreter(top, Wanted(option=sys.executable))
    return compile_gate([f"{n}.py" for n in files], top=top, python=python, timeout_s=60)


def test_files_that_compile_pass_without_bytecode_being_written(tmp_path: Path) -> None:
    verdict = judged(tmp_path, a="x = 1\n", b="y = 2\n")
    assert (verdict.kind, verdict.count) == (GateResult.PASSED, 2)
    assert not list(tmp_path.rglob("*.pyc"))


def test_every_file_that_does_not_compile_is_named(tmp_path: Path) -> None:
    verdict = judged(tmp_path, a="def f(:\n", b="y = 2\n", c="return\n")
    assert verdict.kind is GateResult.RED
    assert [blame.path for blame in verdict.blames] == ["a.py", "c.py"]
    assert "SyntaxError" in verdict.blames[0].what


def test_an_odd_name_is_a_file_not_an_option(tmp_path: Path) -> None:
    (tmp_path / "-c.py").write_text("x = 1\n")
    python = interpreter(tmp_path, Wanted(option=sys.executable))
    verdict = compile_gate(["-c.py"], top=tmp_path, python=python, timeout_s=60)
    assert verdict.kind is GateResult.PASSED
