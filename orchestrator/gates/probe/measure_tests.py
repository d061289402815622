"""Measures the tests of modules under the interpreter of the project, which may know newer syntax.

The first argument is the folder of our package; standard input holds a JSON list of modules in
base64. Prints a JSON list: for each the strength of every function and what its names stand for,
or null where the module does not parse. Standard library only.
"""

import ast
import base64
import dataclasses
import json
import os
import sys
import types
from typing import Any, Dict, Optional

_PACKAGES = ("orchestrator", "orchestrator.gates", "orchestrator.gates.strength")


def _lay_out(folder: str) -> None:
    """Make our packages known without what their `__init__` imports."""
    for name in _PACKAGES:
        package = types.ModuleType(name)
        package.__path__ = [os.path.join(folder, *name.split(".")[1:])]
        sys.modules[name] = package


def _read(data: bytes) -> Optional[Dict[str, Any]]:
    from orchestrator.gates.strength.ancestry import ImportedNames
    from orchestrator.gates.strength.measure import measured

    try:
        tree = ast.parse(data)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None
    tests = measured(tree, lambda name, id_: True)
    imports, own = ImportedNames(tree).facts()
    return {
        "tests": {id_: dataclasses.asdict(strength) for id_, strength in tests.items()},
        "imports": imports,
        "own": own,
    }


_lay_out(sys.argv[1])
print(json.dumps([_read(base64.b64decode(text)) for text in json.load(sys.stdin)]))  # noqa: T201 - this is how it answers
