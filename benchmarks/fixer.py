"""Times `check` and `fix` of whole files beside what they compete with, as whole processes."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from measure import Row, in_turn, seconds

PYTHON = sys.executable
HERE = Path(__file__).parent
CODEMOD = "pattern.AddPattern"
"""The same edit as a command of LibCST's own runner (see `pattern.py`)."""

_PARSE = "import ast, sys\nfor path in sys.argv[1:]: ast.parse(open(path, 'rb').read())"


def rows(project: Path, paths: list[str], runs: int) -> list[Row]:
    """Rows over the files `paths` of a project in git, which none of them changes for good."""
    check = [str(Path(PYTHON).with_name("orchestrate-check")), "--exit-zero"]
    floor = [PYTHON, "-c", _PARSE]
    ruff = [PYTHON, "-m", "ruff", "check", "--select", "F401", "--no-cache", "--exit-zero"]
    count = len(paths)
    found = []
    for name, command, other, target in (
        ("check of 1 file / `ast.parse` of it", [*check, paths[0]], [*floor, paths[0]], "≤ 80 ms"),
        (f"check of {count} files / `ast.parse`", [*check, *paths], [*floor, *paths], "≤ 150 ms"),
        (f"check of {count} files / `ruff --select F401`", [*check, *paths], [*ruff, *paths], "-"),
    ):
        ours_s, other_s = in_turn(
            lambda command=command: seconds(command, cwd=project),  # type: ignore[misc]
            lambda other=other: seconds(other, cwd=project),  # type: ignore[misc]
            runs=runs,
        )
        found.append(Row(name, ours_s, other_s, target, equal=None))
    return [*found, fix_row(project, paths, runs)]


def fix_row(project: Path, paths: list[str], runs: int) -> Row:
    """`fix` beside LibCST's runner with the same edit; both give the same bytes."""
    fix = [PYTHON, "-m", "orchestrate", "fix", "--require", "all", *paths]
    codemod = [PYTHON, "-m", "libcst.tool", "codemod", "--no-format", "-x", CODEMOD, *paths]
    results: list[list[bytes]] = []

    def timed(command: list[str], env: dict[str, str] | None = None) -> float:
        taken = seconds(command, cwd=project, env=env)
        results.append([(project / path).read_bytes() for path in paths])
        subprocess.run(["git", "checkout", "--quiet", "."], cwd=project, check=True)
        return taken

    env = {**os.environ, "PYTHONPATH": str(HERE)}
    ours_s, other_s = in_turn(lambda: timed(fix), lambda: timed(codemod, env), runs=runs)
    equal = all(result == results[0] for result in results)
    name = f"fix of {len(paths)} files / `libcst.tool codemod`"
    return Row(name, ours_s, other_s, "≤ 0.33", equal=equal)
