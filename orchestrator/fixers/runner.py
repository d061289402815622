"""Gets the outcome of every file of a batch from a fixer that runs in a child process."""

from __future__ import annotations

import json
import signal
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from orchestrator.base import process, tempdirs
from orchestrator.base.codec import from_json, to_json
from orchestrator.errors import OrchestrateError
from orchestrator.fixers.base import FileFixer
from orchestrator.fixers.outcome import Outcome, Refusal, Source
from orchestrator.fixers.registry import get
from orchestrator.fixers.task import Proposal, Task, proposal_of

FILE_LIMIT_S = 60
"""How long one file may take, in seconds."""


def proposal(fixer: str, task: Task) -> Proposal:
    """What `fixer` makes of the files of `task`; nothing is written to the repository.

    Raises:
        OrchestrateError: it could not do its work at all.
    """
    found = get(fixer)
    if isinstance(found, FileFixer):
        return proposal_of(outcomes(fixer, task.sources, top=task.top), task.sources)
    try:
        return found.propose(task)
    except OrchestrateError:
        raise
    except Exception as error:  # noqa: BLE001 - a fixer may be foreign code; its bug is its files'
        reason = f"the fixer failed: {type(error).__name__}: {error}"
        return Proposal(refused=[Refusal(source.path, reason) for source in task.sources])


def outcomes(fixer: str, sources: Sequence[Source], *, top: Path) -> list[Outcome]:
    """What a `FileFixer` says of each of `sources`, in their order; nothing is written there."""
    job = {"fixer": fixer, "top": str(top), "limit_s": FILE_LIMIT_S}
    # -P: a folder called `orchestrator` in the user's repository must not be taken for ours
    command = [sys.executable, "-P", "-m", "orchestrator.fixers.child"]
    return answers(FixerProgram(command, job, top), sources)


@dataclass(frozen=True, slots=True)
class FixerProgram:
    """A program that answers files one by one, given the names of two files: requests and results.

    `job` is its first request. `cannot` turns what it printed into an error, by its exit code.
    """

    command: Sequence[str]
    job: Mapping[str, object]
    cwd: Path
    env: Mapping[str, str] | None = None
    cannot: Mapping[int, Callable[[str], OrchestrateError]] = field(default_factory=dict)


def answers(child: FixerProgram, sources: Sequence[Source]) -> list[Outcome]:
    """What `child` says of each of `sources`, in their order.

    A file that crashes, hangs or exhausts the child is refused with that reason, and a new child
    goes on with the next one.
    """
    done: list[Outcome] = []
    with tempdirs.folder("fix") as folder:
        while len(done) < len(sources):
            rest = sources[len(done) :]
            found, ended = _one_child(child, rest, Path(folder))
            done += found
            if len(found) < len(rest):
                code = -1 if ended.exit_code is None else ended.exit_code
                if (cannot := child.cannot.get(code)) is not None:
                    raise cannot(ended.output)
                done.append(Refusal(rest[len(found)].path, _why(ended)))
    return done


def _one_child(
    child: FixerProgram, sources: Sequence[Source], folder: Path
) -> tuple[list[Outcome], process.Completed]:
    requests, results = folder / "requests", folder / "results"
    lines = [child.job, *(to_json(source, defaults=True) for source in sources)]
    requests.write_text("".join(json.dumps(line) + "\n" for line in lines), "ascii")
    results.write_bytes(b"")
    ended = process.run(
        [*child.command, str(requests), str(results)],
        cwd=child.cwd,
        env=child.env,
        timeout_s=FILE_LIMIT_S * (len(sources) + 1),
        starts_others=False,
    )
    complete = [
        line for line in results.read_text("ascii").splitlines(keepends=True) if line[-1] == "\n"
    ]
    return [from_json(Outcome, json.loads(line)) for line in complete], ended


def _why(ended: process.Completed) -> str:
    if ended.exit_code == -signal.SIGALRM or ended.stopped:
        return f"the fixer needed more than {FILE_LIMIT_S} s for it"
    if ended.exit_code is not None and ended.exit_code < 0:
        return f"the fixer crashed on it ({signal.Signals(-ended.exit_code).name})"
    lines = ended.output.strip().splitlines()
    return f"the fixer ended on it: {lines[-1] if lines else f'exit code {ended.exit_code}'}"
