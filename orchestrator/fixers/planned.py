"""What the phases of a plan ask of the fixers: their names, their options, file by file."""

from __future__ import annotations

from collections.abc import Iterator

from orchestrator.base.escape import as_command
from orchestrator.base.plugins import FIXERS, GATES, Plugin, plugins
from orchestrator.base.text import suggestion
from orchestrator.errors import CannotJudge
from orchestrator.fixers.base import BatchFixer, FileFixer
from orchestrator.fixers.outcome import Options, Source
from orchestrator.fixers.registry import get, is_built_in, names
from orchestrator.plan.location import Location
from orchestrator.plan.model import Phase, Plan, Rung, Target
from orchestrator.plan.rules import Problem


def options_of(rung: Rung, target: Target) -> Options:
    """What a rung knows of a target: its own options, and those of the target that it has."""
    fixer = get(rung.fixer)
    mine = fixer.options if fixer.target_options else {}
    return {**rung.options, **{k: v for k, v in target.options.items() if k in mine}}


def source(rung: Rung, target: Target, data: bytes) -> Source:
    """What the fixer of `rung` is given for `target`."""
    return Source(target.path, data, options_of(rung, target))


def proves_its_edits(phase: Phase) -> bool:
    """Whether every fixer of a phase makes certain that old lines and tests are still there."""
    return all(get(rung.fixer).proves_its_edits for rung in phase.rungs())


def commands(plan: Plan) -> list[str]:
    """Everything a run of the plan would execute besides the project's own tests, one line each.

    The interpreter is not among them: whether the plan chose it depends on where it is run.
    """
    found: list[str] = []
    all_verify, needs = [verify for _, verify, _ in plan.all_verify()], plan.worktree
    for verify in all_verify:
        found += [f"{command.name}: {command.run}" for command in verify.commands]
        if verify.pytest_args:
            found.append(f"pytest arguments: {as_command(verify.pytest_args)}")
    found += [
        f"pytest arguments in {project.path}: {as_command(project.pytest_args)}"
        for project in plan.projects
        if project.pytest_args
    ]
    gates = plugins(GATES)
    for verify in all_verify:
        found += [f"gate of {_package(gates[g])}: {g}" for g in verify.gates if g in gates]
    found += [f"worktree: {line}" for line in needs.setup]
    found += [f"worktree, copied: {path}" for path in needs.copy]
    found += [f"worktree, linked: {path}" for path in needs.link]
    for phase in plan.phases:
        for rung in phase.rungs():
            found += [f"{phase.id} ({rung.label}): {line}" for line in rung_commands(rung)]
        if phase.instructions and any(rung.fixer == "agent" for rung in phase.rungs()):
            found.append(f"{phase.id} instructions: {phase.instructions.strip()}")
    return list(dict.fromkeys(found))


def rung_commands(rung: Rung) -> list[str]:
    """Returns what a fixer of the plan would execute: its plug-in, the commands in its options."""
    found = get(rung.fixer).commands(rung.options)
    if is_built_in(rung.fixer):
        return found
    return [f"fixer of {_package(plugins(FIXERS)[rung.fixer])}: {rung.fixer}", *found]


def _package(plugin: Plugin) -> str:
    """Its name without its version: who installs a newer one has chosen it."""
    return plugin.package.partition(" ")[0]


def problems(plan: Plan) -> Iterator[Problem]:
    """What is wrong with the fixers a plan names and with the options it gives them."""
    for p, phase in enumerate(plan.phases):
        fixers = []
        for number, rung in enumerate(phase.rungs()):
            at: Location = ("phases", p, "ladder", number) if phase.ladder else ("phases", p)
            if rung.fixer not in names():
                hint = suggestion(rung.fixer, names())
                yield Problem((*at, "fixer"), f"no fixer is called {rung.fixer!r}{hint}")
                continue
            try:
                fixer = get(rung.fixer)
            except CannotJudge as error:
                yield Problem((*at, "fixer"), error.what)
                continue
            fixers.append((rung, fixer, at))
        yield from _option_problems(("phases", p), phase, fixers)


def _option_problems(
    where: Location, phase: Phase, fixers: list[tuple[Rung, FileFixer | BatchFixer, Location]]
) -> Iterator[Problem]:
    targets = [
        ((*where, "batches", b, "targets", t), target)
        for b, batch in enumerate(phase.batches)
        for t, target in enumerate(batch.targets)
    ]
    known = {name for _, fixer, _ in fixers if fixer.target_options for name in fixer.options}
    for at, target in targets:
        for name in target.options if fixers else ():
            if name not in known:
                listed = " or ".join(rung.fixer for rung, _, _ in fixers)
                hint = suggestion(name, known) if known else "; give it to the phase"
                what = "option" if known else "option of one target,"
                yield Problem((*at, "options", name), f"{listed} has no {what} {name!r}{hint}")
    for rung, fixer, at in fixers:
        said = set()
        for message in fixer.option_problems("", rung.options) if not fixer.per_target else ():
            said.add(message)
            yield Problem((*at, "options"), message)
        places: dict[str, Location] = {}
        sources: list[Source] = []
        for place, target in targets:
            places[target.path] = place
            sources.append(source(rung, target, b""))
            if target.options or fixer.per_target:
                for message in fixer.option_problems(target.path, sources[-1].options):
                    if message not in said:
                        yield Problem(place, message)
        for path, message in fixer.conflicts(sources):
            yield Problem(places[path], message)
