"""Brings the text of a plan up to date: line by line, so that what people wrote in it stays."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from orchestrator.base.text import plural
from orchestrator.plan.location import Location
from orchestrator.plan.yamltree import YamlDocument, parse
from orchestrator.planning.draft import DraftBatch, DraftPhase, DraftTarget
from orchestrator.planning.drift import At, Drift
from orchestrator.planning.text import batch_lines, item_lines, phase_lines


@dataclass(frozen=True, slots=True)
class Additions:
    """New batches for phases of the plan, by the number of the phase from 0, and new phases."""

    batches: Mapping[int, Sequence[DraftBatch]] = field(default_factory=dict)
    phases: Sequence[DraftPhase] = ()


@dataclass(frozen=True, slots=True)
class Updated:
    """The new text; `said` is what was done and what a person must do, a sentence each."""

    text: str
    said: Sequence[str]


def updated(
    text: str,
    drift: Drift,
    counts: Sequence[tuple[At, Mapping[str, int]]],
    additions: Additions,
) -> Updated:
    """`text` with what drifted mended: comments, order, and batches with a record stay."""
    page = _Page(text)
    for at, new in drift.renamed:
        page.rename(at, new)
    for at, now in counts:
        page.count(at, now)
    for at, paths in drift.patterns:
        page.spell_out(at, paths)
    page.comment_out(drift.gone)
    for number, batches in additions.batches.items():
        page.add(number, batches)
    page.append(additions.phases)
    return Updated(page.text(), page.said)


@dataclass(frozen=True, slots=True)
class _Span:
    """The lines of an item of a list, from 0, the last excluded; `dash` is where its `-` is."""

    start: int
    end: int
    dash: int


class _Page:
    """The lines of a plan; what is new is put in at the end, so that numbers hold till then."""

    def __init__(self, text: str) -> None:
        self._newline = "\r\n" if "\r\n" in text else "\n"
        self._lines = text.split(self._newline)
        self._tree: YamlDocument = parse(text)
        self._after: dict[int, list[str]] = {}
        self._emptied: set[int] = set()
        """Phases of which no batch is left, so that their key `batches` is a comment too."""

        self.said: list[str] = []

    def text(self) -> str:
        """The whole of it as it is to be."""
        lines: list[str] = []
        for number, line in enumerate(self._lines):
            lines += [line, *self._after.get(number, [])]
        return self._newline.join(lines)

    def rename(self, at: At, new: str) -> None:
        old = at.target.path
        span = self._span(at.location)
        if span is None:
            self._cannot(at, f"{old} is {new} now")
        else:
            for number in range(span.start, span.end):
                line = self._lines[number]
                if old in line:
                    self._lines[number] = f"{line.replace(old, new, 1)}  # was {old}"
                    self.said.append(f"{at.name}: {old} is {new} now")
                    return

    def count(self, at: At, counts: Mapping[str, int]) -> None:
        span = self._span(at.location)
        if span is None:
            self._cannot(at, f"{at.target.path} has {_words(counts)} now")
            return
        for number in range(span.start, span.end):
            for name, value in counts.items():
                line, changed = re.subn(
                    rf"\b{re.escape(name)}: *[0-9.]+", f"{name}: {value}", self._lines[number]
                )
                if changed:
                    self._lines[number] = line
        self.said.append(f"{at.name}: {at.target.path} has {_words(counts)} now")

    def spell_out(self, at: At, paths: Sequence[str]) -> None:
        span = self._span(at.location)
        pattern = at.target.path
        if not at.is_free or span is None:
            self._cannot(at, f"{pattern} means {plural(len(paths), 'file')}")
            return
        if not paths:
            self._comment(span, "means nothing: ")
            self.said.append(f"{at.name}: {pattern} means no file that is not in the plan already")
            return
        options = {name: value for name, value in at.target.options.items() if name != "group"}
        expect = {name: int(value) for name, value in at.target.expect.items()}
        items = [DraftTarget(path, expect=expect, options=options) for path in paths]
        lines = [line for item in items for line in item_lines(item, " " * span.dash)]
        self._lines[span.start] = f"{' ' * span.dash}# {pattern}:"
        self._blank(span.start + 1, span.end)
        self._after.setdefault(span.end - 1, []).extend(lines)
        self.said.append(f"{at.name}: {pattern} is spelled out: {plural(len(paths), 'file')}")

    def comment_out(self, gone: Sequence[At]) -> None:
        """Targets that are no more, each batch as a whole where nothing of it is left."""
        free = [at for at in gone if at.is_free]
        self.said += [
            f"{at.name}: {at.target.path} is gone; its record stays as it is"
            for at in gone
            if not at.is_free
        ]
        by_batch: dict[Location, list[At]] = {}
        for at in free:
            by_batch.setdefault(at.location[:4], []).append(at)
        self._empty_phases(by_batch)
        for location, lost in by_batch.items():
            spans = [self._span(location)] if _is_whole(lost) else []
            spans = spans or [self._span(at.location) for at in lost]
            for span in spans:
                if span is not None:
                    self._comment(span, "gone: ")
            for number, at in enumerate(lost):
                what = f"{at.target.path} is gone"
                if spans[min(number, len(spans) - 1)] is None:
                    self._cannot(at, what)
                else:
                    self.said.append(f"{at.name}: {what}")

    def _empty_phases(self, by_batch: Mapping[Location, Sequence[At]]) -> None:
        """Comment the key `batches` of phases that lose every batch: alone it would hold null."""
        lost = [location for location, gone in by_batch.items() if _is_whole(gone)]
        for phase in dict.fromkeys(location[1] for location in lost):
            assert isinstance(phase, int)
            key = self._tree.keys.get(("phases", phase, "batches"))
            of = len(self._tree.value["phases"][phase]["batches"])
            mine = [location for location in lost if location[1] == phase]
            if key is None or len(mine) < of or not all(map(self._span, mine)):
                continue
            line = self._lines[key.line - 1]
            if line.strip() == "batches:":
                self._blank(key.line - 1, key.line)
                self._emptied.add(phase)

    def add(self, phase: int, batches: Sequence[DraftBatch]) -> None:
        span = self._span(("phases", phase))
        if span is None:
            self.said.append(
                f"phase {phase + 1} is written on one line: add its new batches by hand"
            )
            return
        first = self._span(("phases", phase, "batches", 0))
        dash = first.dash if first else span.dash + 4
        has_key = ("phases", phase, "batches") in self._tree.keys and phase not in self._emptied
        lines = [] if has_key else [f"{' ' * (span.dash + 2)}batches:"]
        for batch in batches:
            lines += batch_lines(batch, " " * dash)
            self.said.append(f"new batch {batch.id}: {plural(len(batch.items), 'file')}")
        self._after.setdefault(span.end - 1, []).extend(lines)

    def append(self, phases: Sequence[DraftPhase]) -> None:
        count = len(self._tree.value["phases"])
        span = self._span(("phases", count - 1))
        if span is None:
            return
        for phase in phases:
            shift = " " * max(0, span.dash - 2)
            lines = ["", *(f"{shift}{line}" if line else "" for line in phase_lines(phase))]
            self._after.setdefault(span.end - 1, []).extend(lines)
            self.said.append(f"new phase {phase.id}: {plural(len(phase.batches), 'batch')}")

    def _span(self, location: Location) -> _Span | None:
        """Where an item of a list stands that has its lines for itself; None where it has not."""
        at = self._tree.values.get(location)
        if at is None:
            return None
        start = at.line - 1
        line = self._lines[start]
        dash = len(line) - len(line.lstrip())
        if not line.lstrip().startswith("- ") or line[dash + 1 : at.column - 1].strip():
            return None
        end = start + 1
        for number in range(start + 1, len(self._lines)):
            text = self._lines[number]
            if text.strip() and len(text) - len(text.lstrip()) <= dash:
                break
            if text.strip():
                end = number + 1
        return _Span(start, end, dash)

    def _comment(self, span: _Span, word: str) -> None:
        for number in range(span.start, span.end):
            line = self._lines[number]
            if line.strip():
                self._lines[number] = f"{line[: span.dash]}# {word}{line[span.dash :]}"

    def _blank(self, start: int, end: int) -> None:
        for number in range(start, end):
            line = self._lines[number]
            indent = len(line) - len(line.lstrip())
            self._lines[number] = f"{line[:indent]}# {line[indent:]}" if line.strip() else line

    def _cannot(self, at: At, what: str) -> None:
        self.said.append(f"by hand, since it is not on lines of its own: {at.name}: {what}")


def _is_whole(gone: Sequence[At]) -> bool:
    """Whether nothing is left of the batch these targets are of."""
    return len(gone) == len(gone[0].batch.targets)


def _words(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{value} {name}" for name, value in counts.items())
