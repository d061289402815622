"""What people do to files and records after a batch landed: rename, remove, revert, leave out."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import yaml
from support import FILES, PASSING, PLAN, SampleRepo, landed_repo, make_repo

from orchestrator.base.outcomes import TargetState
from orchestrator.engine.results import Landed, NothingToDo
from orchestrator.errors import BadInput
from orchestrator.records.status import TargetStatus

QUICK = PLAN.replace("phases:", "verify: {gates: [compile]}\nphases:")


@pytest.fixture
def landed(tmp_path: Path) -> SampleRepo:
    """Batch one of two has landed."""
    return landed_repo(tmp_path / "repo", plan=QUICK)


def target(repo: SampleRepo, path: str) -> TargetStatus:
    status = repo.workspace().status()
    found = [t for p in status.phases for b in p.batches for t in b.targets]
    return next(t for t in found if t.target.path == path)


def test_a_file_that_was_removed_later_is_done_and_stops_nothing(landed: SampleRepo) -> None:
    landed.git.run("rm", "-q", "tests/test_a.py")
    landed.commit("gone")
    found = target(landed, "tests/test_a.py")
    assert (found.state, found.why) == (TargetState.DONE, "the file was removed since")
    result = landed.next_batch()
    assert isinstance(result, Landed)
    assert result.place.name == "first/two"
    assert isinstance(landed.next_batch(), NothingToDo)
    assert landed.run("validate").code == 0


@pytest.mark.parametrize("how", ["committed", "staged", "twice"])
def test_a_rename_is_followed(how: str, landed: SampleRepo) -> None:
    landed.git.run("mv", "tests/test_a.py", "tests/test_new.py")
    if how != "staged":
        landed.commit("renamed")
    name = "tests/test_new.py"
    if how == "twice":
        (landed.top / "more").mkdir()
        landed.git.run("mv", name, "more/test_newer.py")
        landed.commit("renamed again")
        name = "more/test_newer.py"
    found = target(landed, "tests/test_a.py")
    assert (found.state, found.why) == (TargetState.DONE, f"renamed to {name}")


def test_a_renamed_file_that_slipped_back_waits_and_stops_nothing(landed: SampleRepo) -> None:
    landed.git.run("mv", "tests/test_a.py", "tests/test_new.py")
    landed.commit("renamed")
    landed.write("tests/test_new.py", PASSING)
    landed.commit("without the pattern")
    found = target(landed, "tests/test_a.py")
    assert found.state is TargetState.MISSING
    assert "renamed to tests/test_new.py and changed" in found.why
    assert isinstance(landed.next_batch(), Landed)
    assert landed.run("skip", "tests/test_a.py", "--reason", "it is another file now").code == 0
    assert target(landed, "tests/test_a.py").state is TargetState.DEFERRED


def test_a_batch_of_which_no_file_is_there_stops_no_other(tmp_path: Path) -> None:
    repo = make_repo(tmp_path / "repo", plan=QUICK)
    repo.git.run("rm", "-q", "tests/test_a.py", "tests/test_b.py")
    repo.commit("gone")
    series = repo.next_batches()
    assert [r.place.name for r in series.results] == ["first/two"]
    assert series.waiting
    with pytest.raises(BadInput, match="files that do not exist"):
        repo.next_batch()
    named = repo.run("next-batch", "--batch", "one")
    assert named.code == 2
    assert "names a file that does not exist: 'tests/test_a.py'" in named.err
    told = repo.run("unresolved")
    assert "missing: there is no such file" in told.out
    assert "orchestrate skip tests/test_a.py --reason WHY" in told.out


@pytest.mark.parametrize("how", ["git revert", "undo"])
def test_a_batch_that_was_taken_back_is_held_until_retry(how: str, landed: SampleRepo) -> None:
    if how == "undo":
        assert landed.run("undo", "one").code == 0
    else:
        landed.git.run("revert", "--no-edit", "HEAD")
    found = target(landed, "tests/test_a.py")
    assert found.state is TargetState.REVERTED
    assert found.why.startswith("by Test on 20")
    assert found.why.endswith(landed.head[:10])
    result = landed.next_batch()
    assert isinstance(result, Landed)
    assert result.place.name == "first/two"
    assert isinstance(landed.next_batch(), NothingToDo)
    named = landed.run("next-batch", "--batch", "one")
    assert (named.code, "next: orchestrate retry first/one" in named.err) == (2, True)
    assert landed.run("status", "--check").code == 1
    assert "do it again: orchestrate retry first/one" in landed.run("unresolved").out
    assert landed.run("retry", "first/one").code == 0
    assert target(landed, "tests/test_a.py").state is TargetState.DONE
    assert landed.changes == ""


def test_a_batch_beside_others_is_held_as_well(landed: SampleRepo) -> None:
    landed.git.run("revert", "--no-edit", "HEAD")
    ended = landed.run("next-batch", "--all", "--jobs", "2")
    assert ended.code == 0, ended.err
    assert target(landed, "tests/test_a.py").state is TargetState.REVERTED
    assert target(landed, "tests/test_c.py").state is TargetState.DONE


def test_who_removes_records_alone_took_nothing_back(landed: SampleRepo) -> None:
    landed.git.run("rm", "-rq", "reports")
    landed.commit("begin anew")
    assert target(landed, "tests/test_a.py").state is TargetState.COMPLIANT
    assert target(landed, "tests/test_c.py").state is TargetState.PENDING


def test_a_batch_that_landed_again_after_a_revert_is_done(landed: SampleRepo) -> None:
    landed.git.run("revert", "--no-edit", "HEAD")
    landed.git.run("revert", "--no-edit", "HEAD")
    assert target(landed, "tests/test_a.py").state is TargetState.DONE


@pytest.fixture
def sparse(tmp_path: Path) -> SampleRepo:
    """A clone that has `tests` alone: the record of batch one, and a target, are left out."""
    files = {**FILES, "lib/test_d.py": PASSING.replace("Alpha", "Delta")}
    plan = QUICK + "      - id: three\n        title: Three\n        targets:\n"
    plan += "          - path: lib/test_d.py\n"
    repo = landed_repo(tmp_path / "repo", files, plan=plan)
    repo.git.run("clone", "-q", str(repo.top), str(tmp_path / "clone"))
    clone = SampleRepo(tmp_path / "clone", type(repo.git)(tmp_path / "clone"))
    for name in ("user.name", "user.email"):
        clone.git.run("config", name, "x@example.invalid")
    clone.git.run("sparse-checkout", "set", "tests")
    assert not (clone.top / "reports").exists()
    return clone


def test_records_that_are_not_checked_out_are_read_from_git(sparse: SampleRepo) -> None:
    assert target(sparse, "tests/test_a.py").state is TargetState.DONE
    assert target(sparse, "lib/test_d.py").state is TargetState.PENDING
    result = sparse.next_batch()
    assert isinstance(result, Landed)
    assert result.place.name == "first/two"
    assert sparse.changes == ""


def test_a_target_that_is_not_checked_out_is_refused_with_the_command(sparse: SampleRepo) -> None:
    ended = sparse.run("next-batch", "--batch", "three")
    assert ended.code == 3
    assert "next: git sparse-checkout add lib" in ended.err
    assert "is gone" not in sparse.run("plan", "--update", "--dry-run").err
    assert sparse.run("validate").code == 0


def test_the_ratchet_holds_what_landed_though_its_record_is_not_there(sparse: SampleRepo) -> None:
    sparse.write("tests/test_a.py", PASSING)
    ended = sparse.run("check", "--ratchet")
    assert ended.code == 1
    assert "tests/test_a.py" in ended.out + ended.err


def test_undo_removes_a_record_that_is_not_checked_out(sparse: SampleRepo) -> None:
    assert sparse.run("undo", "one").code == 0
    assert sparse.changes == ""
    assert sparse.git.committed_blobs("HEAD", ["reports/first/one.json"]) == {}
    assert sparse.read("tests/test_a.py") == FILES["tests/test_a.py"]


def test_an_undo_that_fails_leaves_a_sparse_checkout_as_it_was(sparse: SampleRepo) -> None:
    hook = sparse.top / ".git/hooks/pre-commit"
    hook.write_text("#!/bin/sh\nexit 1\n")
    hook.chmod(0o755)
    before, files = sparse.head, sorted(p.name for p in sparse.top.rglob("*.py"))
    assert sparse.run("undo", "one").code == 1
    assert (sparse.head, sparse.changes, sparse.leftovers) == (before, "", [])
    assert sorted(p.name for p in sparse.top.rglob("*.py")) == files


@pytest.mark.parametrize(
    ("attributes", "before", "after"),
    [
        ("*.py ident\n", "# $Id$\n", b"# $Id: "),
        ("*.py working-tree-encoding=UTF-16LE eol=lf\n", "# coding: utf-8\n", b"#\x00"),
        ("*.py text eol=crlf\n", "# a\n", b"# a\r\n"),
    ],
    ids=["ident", "encoding", "line ends"],
)
def test_files_that_git_stores_otherwise_are_compared_as_git_does(
    attributes: str, before: str, after: bytes, tmp_path: Path
) -> None:
    run = "'{python} -c \"import sys\" {files}'"
    plan = QUICK.replace(
        "    fixer: memory-safety\n", f"    fixer: command\n    options: {{run: {run}}}\n"
    )
    plan = plan.replace("            options: {group: alpha_tests}\n", "").replace(
        "compile", "strength"
    )
    repo = make_repo(tmp_path / "repo", {**FILES, ".gitattributes": "", "tests/test_a.py": before}, plan=plan)  # fmt: skip
    assert isinstance(repo.next_batch(trust=True), Landed)
    for path in FILES:  # else git reads them again for having been written just now
        os.utime(repo.top / path, (0, 0))
    repo.git.run("update-index", "-q", "--refresh")
    repo.write(".gitattributes", attributes)
    repo.commit("attributes")
    (repo.top / "tests/test_a.py").unlink()
    repo.git.run("checkout", "--", "tests/test_a.py")
    assert (repo.top / "tests/test_a.py").read_bytes().startswith(after)
    assert target(repo, "tests/test_a.py").state is TargetState.DONE


def with_lines(repo: SampleRepo, **changes: str) -> None:
    """The plan with some of its words replaced, committed."""
    text = repo.read("migration_plan.yaml")
    for old, new in changes.items():
        text = text.replace(f"id: {old}\n", f"id: {new}\n")
    repo.write("migration_plan.yaml", text)
    repo.commit("called otherwise")


@pytest.mark.parametrize(
    "changes", [{"one": "uno"}, {"first": "erste"}, {"one": "uno", "first": "x"}]
)
def test_a_record_of_a_batch_that_is_called_otherwise_is_told_and_moved(
    changes: dict[str, str], landed: SampleRepo
) -> None:
    with_lines(landed, **changes)
    sentence = "reports/first/one.json is the record of first/one, which the plan does not name"
    assert sentence in landed.run("status").out
    assert json.loads(landed.run("status", "--json").out)["strays"] == ["reports/first/one.json"]
    assert sentence in landed.run("validate").err
    assert landed.run("validate", "--strict").code == 2
    dry = landed.run("plan", "--update", "--dry-run")
    assert (dry.code, landed.changes) == (0, "")
    assert landed.run("plan", "--update").code == 0
    landed.commit("moved")
    assert target(landed, "tests/test_a.py").state is TargetState.DONE
    assert sentence not in landed.run("status").out
    assert landed.run("plan", "--update").err.startswith("migration_plan.yaml is up to date")
    name = f"{changes.get('first', 'first')}/{changes.get('one', 'one')}"
    assert landed.run("undo", name).code == 0
    assert landed.read("tests/test_a.py") == FILES["tests/test_a.py"]


def test_what_is_known_of_a_target_goes_with_it_to_another_batch(landed: SampleRepo) -> None:
    plan = yaml.safe_load(landed.read("migration_plan.yaml"))
    one, two = plan["phases"][0]["batches"]
    two["targets"].append(one["targets"].pop())
    landed.write("migration_plan.yaml", yaml.safe_dump(plan))
    landed.commit("moved to another batch")
    assert landed.run("plan", "--update").code == 0
    landed.commit("records")
    assert target(landed, "tests/test_a.py").state is TargetState.DONE
    assert target(landed, "tests/test_b.py").state is TargetState.DONE
    assert target(landed, "tests/test_c.py").state is TargetState.PENDING
    result = landed.next_batch()
    assert isinstance(result, Landed)
    assert [(e.path, str(e.done)) for e in result.record.targets] == [
        ("tests/test_c.py", "edited"), ("tests/test_b.py", "edited"),
    ]  # fmt: skip


def test_a_renamed_file_keeps_its_record(landed: SampleRepo) -> None:
    landed.git.run("mv", "tests/test_a.py", "tests/test_new.py")
    landed.commit("renamed")
    assert landed.run("plan", "--update").code == 0
    landed.commit("plan")
    assert target(landed, "tests/test_new.py").state is TargetState.DONE
    assert target(landed, "tests/test_b.py").state is TargetState.DONE
    assert landed.run("undo", "one").code == 0
    assert landed.read("tests/test_new.py") == FILES["tests/test_a.py"]


def test_other_json_files_beside_the_records_are_none_of_ours(landed: SampleRepo) -> None:
    for path, text in {
        "reports/junit/x.json": "{}", "reports/first/other.json": "[" * 3000,
        "reports/list/x.json": "[1]", "reports/deep/er/x.json": '{"plan": "sample"}',
    }.items():  # fmt: skip
        landed.write(path, text)
    (landed.top / "reports/first/zero.json").symlink_to("/dev/zero")
    assert json.loads(landed.run("status", "--json").out)["strays"] == []


def test_what_a_run_tries_has_not_landed(tmp_path: Path) -> None:
    """While the tests of a batch run, its files hold the edit: they do not count."""
    sleeps = "import time, pathlib\n\n\ndef test_slow():\n    if 'xdist_group' in open(__file__).read() and not pathlib.Path('seen').exists():\n        pathlib.Path('seen').touch(); time.sleep(60)\n"
    text = f"{FILES['tests/test_a.py']}\n\n{sleeps}"
    repo = make_repo(
        tmp_path / "repo", {**FILES, ".gitignore": "seen\n__pycache__/\n", "tests/test_a.py": text}
    )
    command = [sys.executable, "-m", "orchestrate", "next-batch", "--python", sys.executable]
    run = subprocess.Popen(
        command, cwd=repo.top, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        until_s = time.monotonic() + 60
        while not (repo.top / "seen").exists():
            assert time.monotonic() < until_s
            time.sleep(0.05)
        told = repo.run("status", "--json")
    finally:
        run.send_signal(signal.SIGINT)
        run.wait(60)
    assert "a run is working on first/one" in told.err
    targets = [
        t for p in json.loads(told.out)["phases"] for b in p["batches"] for t in b["targets"]
    ]
    assert {t["state"] for t in targets} == {"pending"}
    assert repo.run("status").err == ""
