"""Runs one LibCST codemod over many files, a fresh instance each, and answers in JSON lines.

It runs inside the interpreter of the project under migration where that has libcst, else inside
that of orchestrate: standard library and libcst only, Python 3.9 or newer.

The first line of the requests is the job (`codemod`, `args`, `top`, `search`, `limit_s`,
`memory_bytes`, `paths`), each further one a file (`path`, `data` in base64). Each answer has the
fields of an Edit, a NoChange or a Refusal. Exit code 3: there is no such codemod, and why is the
last line that is printed.
"""

from __future__ import annotations

import base64
import importlib
import json
import os
import resource
import signal
import sys
from typing import Any, Dict, Optional, Type

import libcst
from libcst.codemod import Codemod, CodemodContext, SkipFile
from libcst.helpers import calculate_module_and_package
from libcst.metadata import FullRepoManager

_NO_CODEMOD = 3


def main(requests: str, results: str) -> None:
    """Answer every file of `requests` with a line in `results`, in order."""
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    with open(requests, encoding="ascii") as lines, open(results, "w", encoding="ascii") as out:
        job = json.loads(next(lines))
        resource.setrlimit(resource.RLIMIT_AS, (job["memory_bytes"], job["memory_bytes"]))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        sys.path[:0] = [job["top"]]
        sys.path += [path for path in job["search"] if path not in sys.path]
        codemod = _codemod(job["codemod"])
        manager = _manager(codemod, job)
        for line in lines:
            asked = json.loads(line)
            signal.alarm(job["limit_s"])
            try:
                answer = _answer(codemod, manager, job, asked)
            except BaseException as error:
                if isinstance(error, KeyboardInterrupt):
                    raise
                answer = _refused("the codemod failed: %s: %s" % (type(error).__name__, error))
            signal.alarm(0)
            out.write(json.dumps(dict(answer, path=asked["path"])) + "\n")
            out.flush()


def _codemod(name: str) -> Type[Codemod]:
    module, _, attribute = name.rpartition(".")
    try:
        found: Any = getattr(importlib.import_module(module), attribute)
    except BaseException as error:
        raise _NoCodemod("%s: %s" % (type(error).__name__, error)) from error
    if not (isinstance(found, type) and issubclass(found, Codemod)):
        raise _NoCodemod("%s is no class of codemods" % name)
    return found


class _NoCodemod(Exception):
    """There is no codemod of that name."""


def _manager(codemod: Type[Codemod], job: Dict[str, Any]) -> Optional[FullRepoManager]:
    """What providers that look at the whole repository need, where the codemod asks for one."""
    providers = [p for p in codemod.get_inherited_dependencies() if p.gen_cache is not None]
    if not providers:
        return None
    paths = [os.path.join(job["top"], path) for path in job["paths"]]
    manager = FullRepoManager(job["top"], paths, providers)
    manager.resolve_cache()
    return manager


def _answer(
    codemod: Type[Codemod], manager: Any, job: Dict[str, Any], asked: Dict[str, Any]
) -> Dict[str, Any]:
    data = base64.b64decode(asked["data"])
    try:
        tree = libcst.parse_module(data)
    except libcst.ParserSyntaxError as error:
        return _refused("libcst cannot read it: %s (line %d)" % (error.message, error.raw_line))
    if tree.bytes != data:
        return _refused("libcst would change it only by reading it (a form feed, or a lone CR)")
    context = _context(manager, job["top"], asked["path"])
    instance = codemod(context, **job["args"])
    try:
        after = instance.transform_module(tree).bytes
    except SkipFile as error:
        said = ["skipped: %s" % error] if str(error) else []
        return {"notes": [*instance.context.warnings, *said]}
    notes = list(instance.context.warnings)
    if after == data:
        return {"notes": notes}
    try:
        libcst.parse_module(after)
        compile(after, asked["path"], "exec", 0, True)
    except (libcst.ParserSyntaxError, SyntaxError, ValueError) as error:
        return _refused("what the codemod makes of it is no Python: %s" % str(error).split("\n")[0])
    return {"data": base64.b64encode(after).decode("ascii"), "counts": {}, "notes": notes}


def _context(manager: Any, top: str, path: str) -> CodemodContext:
    full = os.path.join(top, path)
    try:
        named = calculate_module_and_package(top, full)
    except ValueError:
        return CodemodContext(filename=full, metadata_manager=manager)
    return CodemodContext(
        filename=full,
        full_module_name=named.name,
        full_package_name=named.package,
        metadata_manager=manager,
    )


def _refused(reason: str) -> Dict[str, Any]:
    return {"reason": reason, "detail": ""}


if __name__ == "__main__":
    try:
        main(sys.argv[1], sys.argv[2])
    except _NoCodemod as no_codemod:
        print(" ".join(str(no_codemod).split()))  # noqa: T201 - this is how it answers
        sys.exit(_NO_CODEMOD)
