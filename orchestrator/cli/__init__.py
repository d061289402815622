"""What a person types: options become one call, its answer a display and an exit code."""

from __future__ import annotations

import errno
import os
import sys
from typing import NoReturn

from orchestrator.errors import Exit, OrchestrateError


def main() -> NoReturn:
    """Run the command line; the only place where our errors become exit codes."""
    from orchestrator.cli.app import app

    try:
        app(prog_name="orchestrate")
    except OrchestrateError as problem:
        from orchestrator.console import streams

        streams.error(problem)
        sys.exit(problem.exit_code)
    except BrokenPipeError:
        sys.stderr.close()  # nobody reads on; Python would complain about that at exit
        sys.exit(Exit.DONE)
    except OSError as problem:
        if problem.errno not in {errno.ENOSPC, errno.EROFS, errno.EDQUOT, errno.EIO}:
            raise
        sys.stderr.write(f"error: cannot write: {problem.strerror}\nnext: df -h\n")
        os._exit(Exit.DISK)  # not sys.exit: the interpreter would try to write once more
    except Exception:  # noqa: BLE001 - whatever comes here is a bug of ours, and is shown whole
        import traceback

        traceback.print_exc()
        sys.stderr.write("this is a bug in orchestrate; nothing of it is your fault\n")
        sys.stderr.write("next: orchestrate status\n")
        sys.exit(Exit.BUG)
    sys.exit(Exit.DONE)
