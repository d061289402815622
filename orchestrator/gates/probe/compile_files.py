"""Compiles the files it is given without writing bytecode, and prints what is wrong as JSON.

Runs under the interpreter of the project under migration: any Python 3, standard library only.
"""

import json
import sys

errors = []
for path in sys.argv[1:]:
    try:
        with open(path, "rb") as stream:
            compile(stream.read(), path, "exec", 0, True)
    except Exception as error:  # noqa: BLE001 - whatever a file does to the compiler is its answer
        errors.append([path, "%s: %s" % (type(error).__name__, error)])
print(json.dumps(errors))  # noqa: T201 - this is how it answers
