"""A command that is printed works on the plan, and by the interpreter, that the person named."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from printed import commands_in
from support import BREAKS, FILES, PLAN, Ran, SampleRepo, make_repo

from orchestrator.report import typed

OTHER = PLAN.replace("name: sample", "name: other").replace("phases:", "reports: records\nphases:")


@pytest.fixture
def repo(tmp_path: Path) -> SampleRepo:
    files = {**FILES, "tests/test_b.py": BREAKS, "plans/other plan.yaml": OTHER}
    return make_repo(tmp_path / "repo", files)


def steps(text: str) -> list[str]:
    return [line.partition("next: ")[2] for line in text.splitlines() if "next: " in line]


def test_every_command_that_is_printed_names_the_plan(repo: SampleRepo) -> None:
    plan = ("--plan", "plans/other plan.yaml")
    named = "orchestrate --plan 'plans/other plan.yaml' "
    for command in (
        ["next-batch", "--python", sys.executable], ["status"], ["unresolved"],
        ["show", "tests/test_b.py"], ["retry", "nothing"], ["validate"], ["recover"],
        ["undo", "one", "--python", sys.executable], ["skip", "one", "--reason", "x"],
    ):  # fmt: skip
        ended = repo.run(*plan, *command)
        printed = ended.out + ended.err
        found = [line for line in printed.splitlines() if "orchestrate " in line.partition("]")[0]]
        for line in found:
            assert line.count("orchestrate ") == line.count(named), (command, line)
    assert not (repo.top / "reports").exists()


def test_following_the_next_line_works_on_the_same_plan(repo: SampleRepo) -> None:
    ended = repo.run("--plan", "plans/other plan.yaml", "next-batch", "--python", sys.executable)
    assert ended.code == 1
    step, *_ = steps(ended.err)
    words = ["--plan", "plans/other plan.yaml", "unresolved"]
    assert step.startswith("orchestrate --plan 'plans/other plan.yaml' unresolved")
    waiting = repo.run(*words)
    assert "tests/test_b.py" in waiting.out
    assert "orchestrate --plan 'plans/other plan.yaml' retry tests/test_b.py" in waiting.out


def test_the_interpreter_is_named_where_it_was_typed(repo: SampleRepo) -> None:
    ended = repo.run("next-batch", "--batch", "two", "--python", sys.executable)
    step, *_ = steps(ended.err)
    assert step.startswith(f"orchestrate next-batch --python {sys.executable}  ")
    assert all("--python" not in step for step in steps(repo.run("status").out))


def test_the_phase_is_named_as_long_as_something_is_left_of_it(tmp_path: Path) -> None:
    second = PLAN.partition("phases:\n")[2].replace("id: first", "id: second")
    second = second.replace("title: first things", "title: other things")
    for old, new in (("test_a", "test_d"), ("test_b", "test_e"), ("test_c", "test_f")):
        second = second.replace(old, new)
    more = {f"tests/test_{to}.py": FILES[f"tests/test_{of}.py"] for of, to in ("ad", "be", "cf")}
    repo = make_repo(tmp_path / "repo", {**FILES, **more}, plan=PLAN + second)
    python = ("--python", sys.executable)
    first = repo.run("next-batch", "--phase", "second", *python)
    assert first.code == 0, first.err
    (step,) = steps(first.err)
    assert step.startswith(f"orchestrate next-batch --python {sys.executable} --phase second  ")
    assert "(second/two, Batch two)" in step
    last = repo.run(*commands_in(f"next: {step}")[0])
    (step,) = steps(last.err)
    assert step.startswith(f"orchestrate next-batch --python {sys.executable}  ")
    assert "(first/one, Batch one)" in step


@pytest.mark.parametrize("how", [[], ["--isolated"], ["--jobs", "2"]], ids=str)
def test_what_goes_on_goes_on_as_it_was_begun(repo: SampleRepo, how: list[str]) -> None:
    python = ("--python", sys.executable)
    ended = repo.run("next-batch", "--limit", "1", "--strict", "--signoff", *how, *python)
    assert ended.code == 1, ended.err
    step, *_ = steps(ended.err)
    words = f"--python {sys.executable} --strict --signoff {' '.join(how)}".rstrip()
    assert step.startswith(f"orchestrate next-batch {words} --all  ")
    assert repo.run(*commands_in(f"next: {step}")[0]).code == 0


def test_each_command_that_is_printed_does_what_it_says(repo: SampleRepo) -> None:
    """From the first preview to the last decision, nothing is typed but what was printed."""
    python = ("--python", sys.executable)
    ended = repo.run("next-batch", "--dry-run", *python)
    assert ended.code == 0
    done: set[tuple[str, ...]] = set()
    todo: list[list[str]] = [["next-batch", *python], ["status"], ["validate"], ["history"]]
    while todo:
        command = todo.pop(0)
        if tuple(command) in done or len(done) > 40:
            continue
        done.add(tuple(command))
        followed = repo.run(*command)
        assert followed.code not in {2, 8}, (command, followed.err)
        todo += _typed_next(followed)
    assert {words[0] for words in done} >= {"next-batch", "status", "unresolved", "retry", "skip"}
    assert repo.changes == ""


def _typed_next(ran: Ran) -> list[list[str]]:
    """What a person would type of what was printed; `adopt` needs a change by hand before."""
    found = commands_in(f"{ran.out}\n{ran.err}")
    order = ["show", "next-batch", "unresolved", "retry", "skip", "status"]
    return sorted(
        ([*words] for words in found if words and words[0] in order),
        key=lambda words: order.index(words[0]),
    )


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("orchestrate next-batch --all        (x)", "orchestrate --plan p next-batch --python P --all        (x)"),
        ("git switch x && orchestrate recover, or: orchestrate recover --keep", "git switch x && orchestrate --plan p recover, or: orchestrate --plan p recover --keep"),
        ("orchestrate status --plan q", "orchestrate status --plan q"),
        ("orchestrate retry a --python Q", "orchestrate --plan p retry a --python Q"),
        ("orchestrate fix a.py", "orchestrate fix a.py"),
        ("pip install orchestrate status", "pip install orchestrate --plan p status"),
        ("/x/orchestrate status", "/x/orchestrate status"),
        ("orchestrate", "orchestrate"),
        ("orchestrate next-batch, and so on", "orchestrate --plan p next-batch --python P, and so on"),
    ],
)  # fmt: skip
def test_options_are_put_where_the_command_takes_them(
    text: str, shown: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(typed, "_typed", {})
    assert typed.repeated(text) == text
    typed.remember("plan", "p")
    typed.remember("python", "P")
    assert typed.repeated(text) == shown
    typed.remember("plan", None)
    typed.remember("python", None)
    assert typed.repeated(text) == text


@pytest.mark.parametrize(
    ("remembered", "text", "shown"),
    [
        ({"phase": "x"}, "orchestrate next-batch --batch x/y", "orchestrate next-batch --batch x/y"),
        ({"phase": "x"}, "orchestrate next-batch --phase y", "orchestrate next-batch --phase y"),
        ({"phase": "x"}, "orchestrate status", "orchestrate status"),
        ({"all": ""}, "orchestrate next-batch", "orchestrate next-batch --all"),
        ({"all": ""}, "orchestrate next-batch --limit 2", "orchestrate next-batch --limit 2"),
        ({"jobs": "4", "all": ""}, "orchestrate next-batch", "orchestrate next-batch --all --jobs 4"),
        ({"jobs": "4"}, "orchestrate next-batch --all --jobs 1", "orchestrate next-batch --all --jobs 1"),
        ({"jobs": "4"}, "orchestrate next-batch --batch a --dry-run", "orchestrate next-batch --batch a --dry-run"),
        ({"engine": "dask", "scheduler": "tcp://h:1"}, "orchestrate next-batch --all --jobs 1", "orchestrate next-batch --all --jobs 1"),
        ({"engine": "dask", "scheduler": "tcp://h:1"}, "orchestrate next-batch --all", "orchestrate next-batch --engine dask --scheduler tcp://h:1 --all"),
        ({"isolated": ""}, "orchestrate next-batch --dry-run", "orchestrate next-batch --dry-run"),
        ({"strict": ""}, "orchestrate retry a.py", "orchestrate retry --strict a.py"),
        ({"signoff": ""}, "orchestrate skip a.py --reason WHY", "orchestrate skip --signoff a.py --reason WHY"),
    ],
)  # fmt: skip
def test_an_option_is_repeated_only_where_it_means_something(
    remembered: dict[str, str], text: str, shown: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(typed, "_typed", {})
    for name, value in remembered.items():
        typed.remember(name, value)
    assert typed.repeated(text) == shown
