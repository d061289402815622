"""`orchestrate fixers`: what a plan may name, where each comes from, and what its options mean."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass

from orchestrator.base.plugins import GATES, plugins
from orchestrator.console.streams import answer, data, say
from orchestrator.errors import CannotJudge, Exit
from orchestrator.fixers import registry
from orchestrator.gates.plugin import gate_named
from orchestrator.plan.verify import GateName

_GATES = {
    GateName.COMPILE: "the files compile under the project's interpreter",
    GateName.STRENGTH: "no test is lost, skipped, or asserts less than before",
    GateName.COLLECT: "pytest collects them",
    GateName.TEST: "no test is newly red",
}


@dataclass(frozen=True, slots=True)
class _Gate:
    name: str
    source: str
    what: str
    broken: str = ""


def fixers(*, as_json: bool) -> Exit:
    """Print every fixer and gate; a plug-in that cannot be used is named, with the reason."""
    known, gates = list(registry.known()), list(_gates())
    if as_json:
        data(json.dumps({"fixers": [_fixer(k) for k in known], "gates": [_row(g) for g in gates]}))
        return Exit.DONE
    for one in known:
        if one.fixer is None:
            answer(f"{one.name}  ({one.source})  BROKEN: {one.broken}", "bold red")
            continue
        version = one.fixer.version
        answer(f"{one.name}  (version {version}, {one.source})  {_sentence(one.fixer)}", "bold")
        for name, meaning in one.fixer.options.items():
            answer(f"  {name:<16} {meaning}")
    for gate in gates:
        style = "bold red" if gate.broken else "bold"
        what = f"BROKEN: {gate.broken}" if gate.broken else gate.what
        answer(f"gate {gate.name}  ({gate.source})  {what}", style)
    say("a plan names fixers in `fixer:` or `ladder:`, gates in `verify: gates:`")
    return Exit.DONE


def _gates() -> Iterator[_Gate]:
    for built_in, what in _GATES.items():
        yield _Gate(built_in.value, "built in", what)
    for name, plugin in sorted(plugins(GATES).items()):
        if name in set(GateName):
            yield _Gate(name, plugin.package, "", "a built-in gate has that name")
            continue
        try:
            gate = gate_named(name)
        except CannotJudge as error:
            yield _Gate(name, plugin.package, "", error.what)
        else:
            yield _Gate(name, plugin.package, _sentence(gate))


def _fixer(known: registry.Known) -> dict[str, object]:
    fixer = known.fixer
    return {
        "name": known.name,
        "source": known.source,
        "version": fixer.version if fixer else None,
        "options": dict(fixer.options) if fixer else {},
        "broken": known.broken or None,
    }


def _row(gate: _Gate) -> dict[str, object]:
    return {"name": gate.name, "source": gate.source, "broken": gate.broken or None}


def _sentence(thing: object) -> str:
    """The first sentence of its docstring."""
    return (type(thing).__doc__ or "").strip().partition("\n")[0]
