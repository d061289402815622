"""An agent as a fixer: a program that edits files when told to, and hears what was red."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import ClassVar

from orchestrator.base import tempdirs
from orchestrator.base.templates import rendered
from orchestrator.fixers import program_options as common
from orchestrator.fixers.base import BatchFixer, unknown_options
from orchestrator.fixers.command import held
from orchestrator.fixers.outcome import Options, Source
from orchestrator.fixers.program_options import Running, is_number
from orchestrator.fixers.program_run import Bench, ProgramFailure
from orchestrator.fixers.program_start import started
from orchestrator.fixers.task import Feedback, Proposal, Task

_PLACEHOLDERS = frozenset({"files", "python", "prompt"})
_TRIES = 3
_MINUTES = 15
_PROMPT_CHARS = 200_000

PROMPT = """\
{{ phase.instructions or plan.title }}

Edit only these files, in the current folder; make no commit:
{% for file in files %}- {{ file.path }}
{% endfor %}
{% for file in files if file.feedback %}
{% if file.feedback.diff %}An edit of {{ file.path }} was rolled back: {{ file.feedback.reason }}
{% else %}{{ file.path }} was tried before, and left: {{ file.feedback.reason }}
{% endif %}{% for test in file.feedback.tests %}- {{ test }}
{% endfor %}{% if file.feedback.printed %}What was printed:
{{ file.feedback.printed }}
{% endif %}{% if file.feedback.diff %}The edit was:
{{ file.feedback.diff }}
{% endif %}{% endfor %}"""
"""What an agent is told where a plan has no `prompt:`."""


class Agent(BatchFixer):
    """Gives a program a task, takes over what it edits, and tells it what was red, to mend it."""

    name = "agent"
    version = 1
    target_options = False
    may_be_asked_again = False
    options: ClassVar = common.with_defaults(
        common.COMMON,
        run="the program, unattended; its prompt comes on stdin, or as the file {prompt}",
        per="file: started once for each (the default); batch: once for all",
        twice="true: run again, and refuse what a second run still changes; default: false",
        minutes="how long one run may take; default: 15",
        prompt="a template of what it is told; default: `instructions:` of the phase, the files, "
        "and what was red",
        tries="how often it may try a file that a gate quarantines; default: 3",
        batch_minutes="how long one try over a batch may take; default: no bound",
        cost="a pattern with one group: the cost in what a run prints; its last match counts",
        budget="how much of that cost one batch may take",
    )

    def tries(self, options: Options) -> int:
        """How often it may try one file."""
        given = options.get("tries", _TRIES)
        return given if isinstance(given, int) else _TRIES

    def option_problems(self, path: str, options: Options) -> list[str]:
        """What the options of a plan cannot mean."""
        found = [
            *unknown_options(self.name, options, self.options),
            *common.problems(options, _PLACEHOLDERS),
        ]
        found += [
            f"{name} is {options[name]!r}; it can be a number above 0"
            for name in ("tries", "batch_minutes", "budget")
            if name in options and not is_number(options[name])
        ]
        if not isinstance(options.get("tries", 1), int):
            found.append(f"tries is {options['tries']!r}; it can be a whole number")
        if "budget" in options and "cost" not in options:
            found.append(
                "a budget needs `cost:`, the pattern that finds the cost in what is printed"
            )
        return [*found, *_pattern_problems(options.get("cost"))]

    def commands(self, options: Options) -> list[str]:
        """What it runs, and what it is told."""
        prompt = options.get("prompt")
        return [*common.commands(options), *([f"prompt: {prompt}"] if prompt else [])]

    def propose(self, task: Task) -> Proposal:
        """What the agent edits; each file for itself, unless the plan says otherwise."""
        running = common.running(task.options, per_file=True, twice=False, minutes=_MINUTES)
        scratch = task.scratch()
        scratch.hold(held(task))
        with tempdirs.folder("agent") as folder:
            work = _Work(task, running, Path(folder))
            targets = [source.path for source in task.sources]
            found = Bench(scratch, targets, running, work.run, "the agent").proposal()
        if work.spent:
            task.say(f"the agent printed a cost of {work.spent:g}")
        return replace(found, spent=work.spent)


@dataclass(slots=True)
class _Work:
    """One call of the agent after the other, as far as time and budget go."""

    task: Task
    running: Running
    folder: Path
    spent: float = 0.0
    minutes: float = 0.0
    _count: int = field(default=0)

    def run(self, paths: Sequence[str]) -> ProgramFailure | None:
        """Give the agent its task for `paths`."""
        if reason := self._no_more():
            return ProgramFailure(reason)
        import time

        started_s = time.monotonic()
        prompt = self._prompt(paths)
        in_a_file = any("{prompt}" in command for command in self.running.commands)
        ended = started(
            self.running,
            self.task,
            paths,
            more={"prompt": str(prompt)},
            stdin=None if in_a_file else prompt,
        )
        self.minutes += (time.monotonic() - started_s) / 60
        self.spent += _cost(self.task.options.get("cost"), ended.printed)
        return ended.failed

    def _no_more(self) -> str | None:
        options = self.task.options
        budget, minutes = options.get("budget"), options.get("batch_minutes")
        spent = self.task.spent + self.spent
        if isinstance(budget, int | float) and spent >= budget:
            return f"the budget of {budget:g} is spent ({spent:g})"
        if isinstance(minutes, int | float) and self.minutes >= minutes:
            return f"the agent has worked for {minutes:g} minutes on this batch"
        return None

    def _prompt(self, paths: Sequence[str]) -> Path:
        self._count += 1
        template = self.task.options.get("prompt", PROMPT)
        files = [_file(source, self.task) for source in self.task.sources if source.path in paths]
        values = {**self.task.about, "files": files}
        text = rendered(str(template), values, "prompt", limit_chars=_PROMPT_CHARS)
        file = self.folder / f"prompt-{self._count}.md"
        file.write_text(text, "utf-8", errors="backslashreplace")
        return file


def _file(source: Source, task: Task) -> dict[str, object]:
    feedback: Feedback | None = task.feedback.get(source.path)
    return {"path": source.path, "options": dict(source.options), "feedback": feedback}


def _cost(pattern: object, printed: str) -> float:
    if not isinstance(pattern, str):
        return 0.0
    found = re.findall(pattern, printed)
    try:
        return float(str(found[-1]).replace(",", "")) if found else 0.0
    except ValueError:
        return 0.0


def _pattern_problems(pattern: object) -> list[str]:
    if pattern is None:
        return []
    try:
        groups = re.compile(str(pattern)).groups
    except re.error as error:
        return [f"cost is {pattern!r}, which is no pattern: {error}"]
    return [] if groups == 1 else [f"cost is {pattern!r}; it needs one group, around the number"]


FIXER = Agent()
