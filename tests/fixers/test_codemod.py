"""Any LibCST codemod as a fixer: stock or the project's own, a fresh instance for each file."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from support import SampleRepo, fixer_plan, make_repo

from orchestrator.base.outcomes import TargetOutcome
from orchestrator.engine.results import Landed, Result
from orchestrator.errors import CannotJudge
from orchestrator.records.record import TargetRecord

STOCK = "libcst.codemod.commands.convert_format_to_fstring.ConvertFormatStringCommand"
FORMATS = "def test_one():\n    name = 'x'\n    assert 'a {}'.format(name) == 'a x'\n"
PLAIN = "def test_two():\n    assert 1 + 1 == 2\n"
OWN = """\
import libcst as cst
from libcst.codemod import SkipFile, VisitorBasedCodemodCommand
from libcst.metadata import FullyQualifiedNameProvider, QualifiedNameProvider, ScopeProvider


class Rename(VisitorBasedCodemodCommand):
    METADATA_DEPENDENCIES = (ScopeProvider, QualifiedNameProvider, FullyQualifiedNameProvider)

    def __init__(self, context, old="old", new="new"):
        super().__init__(context)
        self.old, self.new, self.seen = old, new, 0

    def visit_Module(self, node):
        if "skip me" in node.code:
            raise SkipFile("it says so")
        if "explode" in node.code:
            raise RuntimeError("a bug in the codemod")
        full = self.get_metadata(FullyQualifiedNameProvider, node)
        assert {q.name for q in full} == {self.context.full_module_name}, full
        assert self.context.filename.endswith(".py")

    def leave_Name(self, original_node, updated_node):
        if original_node.value != self.old:
            return updated_node
        self.seen += 1
        self.warn(f"renamed {self.seen}: {[q.name for q in self.get_metadata(QualifiedNameProvider, original_node)]}")
        return updated_node.with_changes(value=self.new)


class Broken(VisitorBasedCodemodCommand):
    def leave_Name(self, original_node, updated_node):
        return updated_node.with_changes(value="not a name") if original_node.value == "old" else updated_node


class NoCodemod:
    pass
"""
OLD = "def test_{0}():\n    old = 1\n    assert old == 1\n"


def repo_with(top: Path, codemod: str, *, args: str = "", **tests: str) -> SampleRepo:
    paths = [f"tests/test_{name}.py" for name in tests]
    options = f"{{codemod: {codemod}{f', args: {args}' if args else ''}}}"
    plan = fixer_plan(paths, fixer=f"fixer: codemod\noptions: {options}")
    files = dict(zip(paths, tests.values(), strict=True))
    own = {"mods/__init__.py": "", "mods/own.py": OWN}
    return make_repo(top, {".gitignore": "__pycache__/\n", **own, **files}, plan=plan)


def entries(result: Result) -> dict[str, TargetRecord]:
    assert isinstance(result, Landed), result
    return {entry.path: entry for entry in result.entries}


def test_a_stock_codemod_lands_and_unchanged_files_are_no_edits(tmp_path: Path) -> None:
    repo = repo_with(tmp_path / "r", STOCK, a=FORMATS, b=PLAIN)
    found = entries(repo.next_batch(trust=True))
    assert [entry.done for entry in found.values()] == [
        TargetOutcome.EDITED,
        TargetOutcome.UNCHANGED,
    ]
    assert "f'a {name}'" in repo.read("tests/test_a.py")
    assert repo.git.changed_by("HEAD") == ["reports/only/one.json", "tests/test_a.py"]
    assert (repo.changes, repo.leftovers) == ("", [])
    assert not list(repo.top.rglob("__pycache__/own*"))


def test_a_codemod_of_the_project_gets_arguments_metadata_and_a_fresh_instance(
    tmp_path: Path,
) -> None:
    repo = repo_with(tmp_path / "r", "mods.own.Rename", args="{new: fresh}", a=OLD.format("a"), b=OLD.format("b"))  # fmt: skip
    found = entries(repo.next_batch(trust=True))
    for name in ("a", "b"):
        assert repo.read(f"tests/test_{name}.py") == OLD.format(name).replace("old", "fresh")
        notes = found[f"tests/test_{name}.py"].notes
        assert [note.partition(":")[0] for note in notes] == ["renamed 1", "renamed 2"]
        assert f"test_{name}.<locals>.old" in notes[0]


def test_skipped_failing_and_unreadable_files_are_told_apart(tmp_path: Path) -> None:
    repo = repo_with(
        tmp_path / "r", "mods.own.Rename",
        a=OLD.format("a"), b="# skip me\n" + OLD.format("b"), c="# explode\n" + OLD.format("c"),
        d="def test_d(:\n", e="\x0cx = 1\n",
    )  # fmt: skip
    found = entries(repo.next_batch(trust=True))
    told = {path[11:-3]: (entry.done, entry.reason or " ".join(entry.notes)) for path, entry in found.items()}  # fmt: skip
    assert told["a"][0] is TargetOutcome.EDITED
    assert told["b"] == (TargetOutcome.UNCHANGED, "skipped: it says so")
    assert told["c"] == (
        TargetOutcome.REFUSED,
        "the codemod failed: RuntimeError: a bug in the codemod",
    )
    assert "libcst cannot read it" in told["d"][1]
    assert "only by reading it" in told["e"][1]


def test_a_result_that_is_no_python_is_refused(tmp_path: Path) -> None:
    repo = repo_with(tmp_path / "r", "mods.own.Broken", a=OLD.format("a"), b=PLAIN)
    found = entries(repo.next_batch(trust=True))
    reason = str(found["tests/test_a.py"].reason)
    assert "is no Python" in reason or "the codemod failed" in reason, reason
    assert repo.read("tests/test_a.py") == OLD.format("a")


@pytest.mark.parametrize(
    ("codemod", "why"),
    [
        pytest.param("mods.none.Rename", "No module named 'mods.none'", id="fault-28 no module"),
        pytest.param("mods.own.Nothing", "has no attribute 'Nothing'", id="fault-28 no class"),
        pytest.param("mods.own.NoCodemod", "is no class of codemods", id="fault-28 no codemod"),
    ],
)
def test_a_codemod_that_cannot_be_used_is_said(codemod: str, why: str, tmp_path: Path) -> None:
    repo = repo_with(tmp_path / "r", codemod, a=PLAIN)
    with pytest.raises(CannotJudge, match=why):
        repo.next_batch(trust=True)
    assert (repo.changes, repo.leftovers) == ("", [])


def test_it_is_found_where_the_projects_interpreter_finds_modules(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A Python without libcst: the codemod comes from its folders, libcst from ours."""
    site = tmp_path / "site"
    (site / "elsewhere").mkdir(parents=True)
    (site / "elsewhere/__init__.py").write_text(OWN)
    python = tmp_path / "env/bin/python"
    python.parent.mkdir(parents=True)
    described = (
        '{"version": "3.11.0", "pytest": true, "xdist": true, "libcst": false, "memray": false, "managed": false, "versions": ["", ""], '
        f'"editable": [], "search": ["{site}"]}}'
    )
    python.write_text(
        f'#!/bin/sh\ncase "$2" in *find_spec*) echo \'{described}\';; *) exec {sys.executable} "$@";; esac\n'
    )
    python.chmod(0o755)
    monkeypatch.setenv("VIRTUAL_ENV", str(python.parents[1]))
    repo = repo_with(tmp_path / "r", "elsewhere.Rename", a=OLD.format("a"))
    ended = repo.run("next-batch", "--trust")
    assert "new = 1" in repo.read("tests/test_a.py"), ended.err


@pytest.mark.parametrize(
    ("options", "message"),
    [
        pytest.param("{codemod: Rename}", "codemod is 'Rename'; it can be a class", id="no module"),
        pytest.param("{args: {a: 1}}", "codemod is None", id="none"),
        pytest.param("{codemod: a.B, args: [1]}", "args is [1]; it can be a mapping", id="args"),
        pytest.param("{codemod: a.B, arg: 1}", "codemod has no option 'arg'; did you mean 'args'?", id="name"),
    ],
)  # fmt: skip
def test_options_that_mean_nothing_are_errors_of_the_plan(
    options: str, message: str, tmp_path: Path
) -> None:
    plan = fixer_plan(["tests/test_a.py"], fixer=f"fixer: codemod\noptions: {options}")
    repo = make_repo(tmp_path / "r", {"tests/test_a.py": PLAIN}, plan=plan)
    ended = repo.run("validate")
    assert (ended.code, message in ended.err) == (2, True), ended.err
