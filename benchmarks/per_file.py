"""The procedure a batch replaces: each file in turn is fixed, compiled, collected and tested.

python benchmarks/per_file.py FILE ...
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

_FIX = """
import sys
from pathlib import Path
from orchestrator.fixers import Source
from orchestrator.memory_safety.fixer import FIXER
path = Path(sys.argv[1])
path.write_bytes(FIXER.fix(Source(str(path), path.read_bytes()), Path.cwd()).data)
"""


def main(paths: list[str]) -> None:
    """Each step is a process of its own, as the commands of the procedure are."""
    for path in paths:
        for step in (
            ["-c", _FIX, path],
            ["-m", "py_compile", path],
            ["-m", "pytest", "--collect-only", "-q", "-p", "no:cacheprovider", path],
            ["-m", "pytest", "-q", "-p", "no:cacheprovider", path],
        ):
            subprocess.run([sys.executable, *step], cwd=Path.cwd(), check=True, capture_output=True)


if __name__ == "__main__":
    main(sys.argv[1:])
