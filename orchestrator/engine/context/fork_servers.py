"""The processes from which runs of pytest are forked."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from orchestrator.gates.pytest.forked.fork_server import ForkServer
from orchestrator.gates.pytest.forked.imports import Environment
from orchestrator.project.interpreter import Interpreter


class ForkServers:
    """One for each project and arguments of pytest, made when it is first needed."""

    def __init__(self) -> None:
        """Start nothing yet."""
        self._servers: dict[tuple[Path, tuple[str, ...]], ForkServer] = {}

    def of(
        self, home: Path, folder: Path, python: Interpreter, arguments: Sequence[str]
    ) -> ForkServer:
        """Return what forks runs in `folder`; `home` is the same folder in the user's tree."""
        key = folder, tuple(arguments)
        if key not in self._servers:
            self._servers[key] = ForkServer(Environment(str(home), python, key[1]), folder)
        return self._servers[key]

    def close(self) -> None:
        """End all of them."""
        for server in self._servers.values():
            server.close()
        self._servers.clear()
