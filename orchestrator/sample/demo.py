"""The demo: the shipped plan, a project with the test files of its phase 2, a git repository."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from orchestrator.engine.context.workspace import DEFAULT_PLAN
from orchestrator.errors import DiskError, Refused
from orchestrator.plan.load import load
from orchestrator.plan.model import Phase, Plan, Target
from orchestrator.sample.project import FileShape, ProjectShape, failing_ids, generate
from orchestrator.vcs import Repo, initialised

_PHASE = "phase-2"


@dataclass(frozen=True, slots=True)
class Demo:
    """A sample project on disk.

    `failing` is the id of a test that fails in it before any change, `pinning` a file whose tests
    do not stand the change.
    """

    folder: Path
    repo: Repo
    failing: str
    pinning: str


def shipped_plan() -> Path:
    """The plan this tool was made for: in the package, or at the top of its sources."""
    packaged = Path(__file__).with_name(DEFAULT_PLAN)
    return packaged if packaged.exists() else Path(__file__).parents[2] / DEFAULT_PLAN


def make_demo(folder: Path, *, python: str) -> Demo:
    """Fill `folder` with the project, its plan and a first commit.

    `python` is the interpreter the project's plan names: the demo has no environment of its own.

    Raises:
        Refused: the folder exists and is not empty.
    """
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise Refused(
            f"{str(folder)!r} exists and is not empty", next_step="orchestrate demo ANOTHER-FOLDER"
        )
    plan_file = shipped_plan()
    plan = load(plan_file, plan_path=DEFAULT_PLAN)
    shape = demo_shape(plan)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        generate(folder, shape)
        text = demo_plan(plan_file.read_text("utf-8"), plan, python=python)
        (folder / DEFAULT_PLAN).write_text(text, "utf-8")
    except OSError as error:
        raise DiskError(f"cannot make the demo in {str(folder)!r}: {error.strerror}") from error
    repo = initialised(folder, user="Demo", address="demo@example.invalid")
    repo.run("add", "--all")
    repo.run("commit", "--quiet", "-m", "A project before its migration")
    pinning = next(file.path for file in shape.files if file.pinning)
    return Demo(folder, repo, failing_ids(shape)[0], pinning)


def demo_shape(plan: Plan) -> ProjectShape:
    """The test files of phase 2 as the plan counts them.

    The first test of the first batch fails; the first one of the second does not stand the change.
    """
    phase = next(phase for phase in plan.phases if phase.id == _PHASE)
    firsts = [batch.automatic()[0].path for batch in phase.batches]
    files = [
        FileShape(
            t.path,
            int(t.expect.get("classes", 1)) or 1,
            int(t.expect.get("methods", 1)) or 1,
            failing=int(t.path == firsts[0]),
            pinning=int(t.path == firsts[1]),
        )
        for t in _automatic(phase)
    ]
    return ProjectShape(files)


def demo_plan(text: str, plan: Plan, *, python: str) -> str:
    """The plan's own text with this machine's interpreter in it."""
    head, _, rest = text.partition("verify:\n")
    _, _, phases = rest.partition("\ncommit:\n")
    verify = [
        "verify:",
        f"  gates: [{', '.join(plan.verify.gates)}]",
        f"  python: {json.dumps(python)}",
    ]
    schema = "# yaml-language-server: $schema=docs/migration_plan.schema.json\n#\n"
    phases = phases.replace("    commit: 014386d\n", "")  # not a commit of the demo's repository
    return f"{head.removeprefix(schema)}{chr(10).join(verify)}\n\ncommit:\n{phases}"


def _automatic(phase: Phase) -> list[Target]:
    return [target for batch in phase.batches for target in batch.automatic()]
