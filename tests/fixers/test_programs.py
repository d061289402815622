"""Any command as a fixer: at work in a scratch copy, judged, quarantined file by file, undone."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path

import psutil
import pytest
from support import SampleRepo, fixer_plan, make_repo

from orchestrator.base.outcomes import FailureCause, GateResult, TargetOutcome
from orchestrator.commit.transaction import CommitRefused
from orchestrator.engine.context.events import ignore_events
from orchestrator.engine.context.options import RunOptions
from orchestrator.engine.decisions.undo import undo
from orchestrator.engine.results import Landed, Result, Stopped
from orchestrator.errors import CannotJudge, Exit, Refused
from orchestrator.records.record import TargetRecord

RUN = "{python} tool.py {files}"
IGNORED = "__pycache__/\n.pytest_cache/\n.venv/\n.env\n"
OLD = "def test_one():\n    assert 'old' != 'new'\n\n\ndef test_two():\n    assert True is not False\n"
UPPER = """\
import sys
for path in sys.argv[1:]:
    text = open(path).read()
    open(path, "w").write(text.replace("old", "OLD"))
"""


def repo_with(
    top: Path,
    tool: str = UPPER,
    *,
    options: str = "",
    targets: tuple[str, ...] = ("tests/test_a.py", "tests/test_b.py"),
    verify: str = "gates: [compile, collect, test]",
    files: Mapping[str, str] | None = None,
) -> SampleRepo:
    """A repository whose plan runs `tool` over two test files."""
    plan = fixer_plan(
        targets, fixer=f'fixer: command\noptions: {{run: "{RUN}"{options}}}', verify=verify
    )
    held = {
        ".gitignore": IGNORED,
        "tool.py": tool,
        "tests/test_a.py": OLD,
        "tests/test_b.py": OLD.replace("one", "three").replace("two", "four"),
        **(files or {}),
    }
    return make_repo(top, held, plan=plan)


def landed(result: Result) -> Landed:
    assert isinstance(result, Landed), result
    return result


def entries(result: Result) -> dict[str, TargetRecord]:
    return {entry.path: entry for entry in landed(result).entries}


def test_what_a_command_changes_lands_with_counts_of_lines(tmp_path: Path) -> None:
    repo = repo_with(tmp_path / "r")
    result = landed(repo.next_batch(trust=True))
    assert repo.read("tests/test_a.py") == OLD.replace("old", "OLD")
    assert repo.git.changed_by("HEAD") == [
        "reports/only/one.json", "tests/test_a.py", "tests/test_b.py",
    ]  # fmt: skip
    assert entries(result)["tests/test_a.py"].counts == {"added lines": 1, "removed lines": 1}
    assert "- tests/test_a.py: 1 added line, 1 removed line" in repo.git.text("log", "-1")
    assert [gate.gate for gate in result.record.gates] == ["compile", "strength", "collect", "test"]
    assert result.record.fixers == {"command": 1}
    assert (repo.changes, repo.leftovers) == ("", [])
    assert [t.state for t in repo.workspace().status().phases[0].batches[0].targets] == ["done"] * 2


def test_it_works_in_a_copy_that_has_what_surrounds_the_files(tmp_path: Path) -> None:
    """Packages, configuration, uncommitted changes and git are there; the user's tree is not."""
    tool = f"""\
import os, pathlib, subprocess, sys
top = {str(tmp_path / "r")!r}
here = os.getcwd()
assert here != top and os.environ["PWD"] == here, here
assert pathlib.Path("pkg/mod.py").read_text() == "uncommitted\\n"
assert pathlib.Path("new_config.toml").exists()
assert pathlib.Path(".venv/bin/thing").read_text() == "environment"
assert pathlib.Path(".env").read_text() == "secret"
assert pathlib.Path("link").is_symlink()
pathlib.Path(".env").write_text("changed in the copy only")
assert subprocess.run(["git", "status", "--short"], capture_output=True).returncode == 0
subprocess.run(["git", "-c", "user.name=x", "-c", "user.email=x", "commit", "-qam", "mine"], check=True)
subprocess.run(["git", "branch", "foreign"], check=True)
pathlib.Path(".mypy_cache").mkdir(exist_ok=True)
pathlib.Path(".mypy_cache/x.json").write_text("{{}}")
pathlib.Path("__pycache__").mkdir(exist_ok=True)
pathlib.Path("__pycache__/x.pyc").write_text("")
{UPPER}"""
    repo = repo_with(
        tmp_path / "r", tool, options=", twice: false", files={"pkg/mod.py": "committed\n"}
    )
    (repo.top / "link").symlink_to("pkg/mod.py")
    repo.commit("a link")
    repo.write("pkg/mod.py", "uncommitted\n")
    repo.write("new_config.toml", "")
    repo.write(".venv/bin/thing", "environment")
    repo.write(".venv/pyvenv.cfg", "")
    repo.write(".env", "secret")
    base = repo.head
    landed(repo.next_batch(trust=True))
    assert repo.git.parents("HEAD") == [base]
    assert repo.git.text("branch", "--list", "foreign") == ""
    assert repo.read(".env") == "secret"
    assert repo.changes.splitlines() == [" M pkg/mod.py", "?? new_config.toml"]


def test_a_file_the_command_fails_on_is_refused_and_the_others_land(tmp_path: Path) -> None:
    tool = UPPER.replace(
        "    text", "    if 'test_b' in path: sys.exit('cannot parse ' + path)\n    text"
    )
    repo = repo_with(tmp_path / "r", tool)
    result = repo.next_batch(trust=True)
    assert landed(result).exit_code is Exit.RED
    refused = entries(result)["tests/test_b.py"]
    assert refused.done is TargetOutcome.REFUSED
    assert "ended with 1: cannot parse tests/test_b.py" in str(refused.reason)
    assert "`exit_codes:`" in str(refused.reason)
    assert "OLD" in repo.read("tests/test_a.py")
    assert "OLD" not in repo.read("tests/test_b.py")


def test_an_exit_code_may_be_no_failure(tmp_path: Path) -> None:
    repo = repo_with(tmp_path / "r", UPPER + "sys.exit(1)\n", options=", exit_codes: [0, 1]")
    assert landed(repo.next_batch(trust=True)).exit_code is Exit.DONE


def test_fault_66_what_never_settles_is_refused_with_the_diff_between_two_runs(
    tmp_path: Path,
) -> None:
    tool = UPPER + "    if 'test_a' in path: open(path, 'a').write('# once more\\n')\n"
    repo = repo_with(tmp_path / "r", tool)
    result = landed(repo.next_batch(trust=True))
    (refusal,) = result.found.refused
    assert refusal.reason.startswith("{python} never settles: a second run changes it again (")
    assert refusal.detail.count("+# once more") == 1
    assert repo.read("tests/test_a.py") == OLD
    assert "OLD" in repo.read("tests/test_b.py")


OUTSIDE = UPPER + "    if 'test_a' in path: open('shared.py', 'w').write('x = 2\\n')\n"


@pytest.mark.parametrize(
    ("tool", "told"),
    [
        pytest.param(OUTSIDE, "shared.py", id="fault-63 edits outside its batch"),
        pytest.param(
            UPPER + "    if 'test_a' in path: open('made.py', 'w')\n", "made.py",
            id="fault-64 unexpected file",
        ),
        pytest.param(
            UPPER + "import os\nif 'tests/test_a.py' in sys.argv and os.path.exists('shared.py'): "
            "os.rename('shared.py', 'other.py')\n",
            "other.py, shared.py", id="fault-64 unexpected rename",
        ),
    ],
)  # fmt: skip
def test_who_goes_outside_the_batch_is_refused_with_the_paths(
    tool: str, told: str, tmp_path: Path
) -> None:
    repo = repo_with(tmp_path / "r", tool, files={"shared.py": "x = 1\n"})
    result = repo.next_batch(trust=True)
    reason = str(entries(result)["tests/test_a.py"].reason)
    assert f"changes files outside its batch: {told}; `may_touch:` would allow it" in reason
    assert entries(result)["tests/test_b.py"].done is TargetOutcome.EDITED
    assert repo.read("shared.py") == "x = 1\n"
    assert (repo.changes, repo.leftovers) == ("", [])


def test_a_link_and_a_changed_mode_are_refused(tmp_path: Path) -> None:
    tool = UPPER + (
        "    import os\n    if 'test_a' in path: os.chmod(path, 0o755)\n"
        "    else: os.remove(path); os.symlink('test_a.py', path)\n"
    )
    repo = repo_with(tmp_path / "r", tool, options=", twice: false")
    result = repo.next_batch(trust=True)
    reasons = {path: str(entry.reason) for path, entry in entries(result).items()}
    assert "tests/test_a.py (its mode was changed)" in reasons["tests/test_a.py"]
    assert "tests/test_b.py (a symbolic link)" in reasons["tests/test_b.py"]


def test_files_it_may_touch_belong_to_the_batch(tmp_path: Path) -> None:
    repo = repo_with(tmp_path / "r", OUTSIDE, options=", may_touch: ['shared*']", files={"shared.py": "x = 1\n"})  # fmt: skip
    before = repo.head
    result = landed(repo.next_batch(trust=True))
    assert repo.read("shared.py") == "x = 2\n"
    (other,) = result.record.others
    assert (other.path, set(other.unit)) == ("shared.py", {"tests/test_a.py", "tests/test_b.py"})
    assert "Beside them:\n    - shared.py" in repo.git.text("log", "-1")
    assert (
        undo(repo.workspace(), "only/one", RunOptions(sys.executable), ignore_events).commit
        is not None
    )
    assert repo.git.paths("diff", "--name-only", "-z", before) == []
    assert (repo.changes, repo.leftovers) == ("", [])


def test_a_file_beside_the_targets_must_be_clean_too(tmp_path: Path) -> None:
    repo = repo_with(tmp_path / "r", OUTSIDE, options=", may_touch: [shared.py]", files={"shared.py": "x = 1\n"})  # fmt: skip
    repo.write("shared.py", "mine = True\n")
    with pytest.raises(Refused, match="uncommitted changes"):
        repo.next_batch(trust=True)
    assert repo.read("shared.py") == "mine = True\n"
    assert repo.read("tests/test_a.py") == OLD


RENAMES = """\
import os, pathlib, re
if os.path.exists("lib/old_name.py"):
    pathlib.Path("lib/new_name.py").write_text(pathlib.Path("lib/old_name.py").read_text())
    os.chmod("lib/new_name.py", 0o755)
    os.remove("lib/old_name.py")
for path in ("tests/test_a.py", "tests/test_b.py"):
    text = pathlib.Path(path).read_text()
    pathlib.Path(path).write_text(text.replace("old_name", "new_name"))
"""
USES = "import sys\nsys.path.insert(0, 'lib')\nimport old_name\n\n\ndef test_{0}():\n    assert old_name.X == 1\n"
RENAMED = {
    "lib/old_name.py": "X = 1\n",
    "tests/test_a.py": USES.format("a"),
    "tests/test_b.py": USES.format("b"),
}


def test_a_rename_across_files_lands_and_is_undone_as_a_whole(tmp_path: Path) -> None:
    repo = repo_with(tmp_path / "r", RENAMES, options=", may_touch: ['lib/*']", files=RENAMED)
    before = repo.head
    result = landed(repo.next_batch(trust=True))
    assert not (repo.top / "lib/old_name.py").exists()
    assert os.access(repo.top / "lib/new_name.py", os.X_OK)
    made = {str(entry.path): entry for entry in result.record.others}
    assert (made["lib/new_name.py"].before, made["lib/old_name.py"].after) == (None, None)
    assert made["lib/new_name.py"].counts == {"new files": 1, "added lines": 1}
    assert (repo.changes, repo.leftovers) == ("", [])
    assert (
        undo(repo.workspace(), "one", RunOptions(sys.executable), ignore_events).commit is not None
    )
    assert repo.git.text("diff", "--stat", before, "HEAD") == ""
    assert repo.read("lib/old_name.py") == "X = 1\n"
    assert (repo.changes, repo.leftovers) == ("", [])


@pytest.mark.parametrize("run", [SampleRepo.next_batch, SampleRepo.next_batch_apart])
def test_files_that_belong_together_are_taken_out_together(
    run: Callable[..., Result], tmp_path: Path
) -> None:
    broken = RENAMES.replace('"old_name", "new_name"', '"old_name", "new_name" if path[-4] == "a" else "nme"')  # fmt: skip
    repo = repo_with(tmp_path / "r", broken, options=", may_touch: ['lib/*']", files=RENAMED)
    before = {path: repo.read(path) for path in RENAMED}
    result = landed(run(repo, trust=True))
    (taken,) = result.found.rejected
    assert set(taken.unit.paths) == {*RENAMED, "lib/new_name.py"}
    assert taken.fault is FailureCause.CULPRIT
    assert {path: repo.read(path) for path in RENAMED} == before
    assert not (repo.top / "lib/new_name.py").exists()
    assert (repo.changes, repo.leftovers) == ("", [])
    patch = repo.run("show", "--patch", "tests/test_b.py").out
    assert "new file mode 100755" in patch
    assert "deleted file mode 100644" in patch
    (tmp_path / "p").write_text(patch)
    repo.git.run("apply", "--check", str(tmp_path / "p"))


def test_a_target_may_be_made_by_the_fixer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONDONTWRITEBYTECODE", "1")  # a folder with caches would stay
    tool = "import sys\nfor path in sys.argv[1:]: open(path, 'w').write('def test_new(): assert 1 + 1 == 2\\n')\n"
    plan = fixer_plan(
        ["tests/test_new.py"], fixer=f'fixer: command\noptions: {{run: "{RUN}"}}'
    ).replace("test_new.py}", "test_new.py, new: true}")
    repo = make_repo(tmp_path / "r", {"tool.py": tool, ".gitignore": IGNORED}, plan=plan)
    assert repo.run("validate").code == 0
    result = landed(repo.next_batch(trust=True))
    assert result.record.targets[0].before is None
    assert "test_new" in repo.read("tests/test_new.py")
    assert repo.workspace().status().next is None
    assert (
        undo(repo.workspace(), "one", RunOptions(sys.executable), ignore_events).commit is not None
    )
    assert not (repo.top / "tests").exists()


def test_nothing_happened_is_said_loudly_and_stops_the_line(tmp_path: Path) -> None:
    plan = fixer_plan(["tests/test_a.py"], fixer='fixer: command\noptions: {run: "true {files}"}')
    plan += (
        "      - id: two\n        title: Two\n        targets:\n          - path: tests/test_b.py\n"
    )
    repo = make_repo(tmp_path / "r", {"tests/test_a.py": OLD, "tests/test_b.py": OLD, ".gitignore": IGNORED}, plan=plan)  # fmt: skip
    ended = repo.run("next-batch", "--all", "--trust", "--python", sys.executable)
    assert "NOTHING HAPPENED: command changed none of the first 1 file of only" in ended.err
    assert "ended because: the fixer changed none of the first files of its phase" in ended.err
    assert repo.workspace().status().next is not None
    again = repo.run("next-batch", "--all", "--python", sys.executable)
    assert "NOTHING HAPPENED" not in again.err  # said once; going on is a decision
    assert repo.workspace().status().next is None


def test_fault_29_nothing_of_a_plan_runs_before_it_is_trusted(tmp_path: Path) -> None:
    marker = tmp_path / "ran"
    tool = f"open({str(marker)!r}, 'w')\n{UPPER}"
    repo = repo_with(tmp_path / "r", tool, options=', check: "{python} tool.py"')
    for command in (
        ["status"], ["validate"], ["show", "one"], ["unresolved"], ["next-batch", "--dry-run"],
        ["next-batch"], ["check", "--phase", "only"],
    ):  # fmt: skip
        ended = repo.run(*command)
        wants_trust = command[0] in {"next-batch", "check"}
        assert ended.code == (3 if wants_trust else 0), (command, ended.err)
        assert not marker.exists(), command
        if wants_trust:
            assert "only (command): {python} tool.py {files}" in ended.err
            assert "only (command): check: {python} tool.py" in ended.err
            assert f"orchestrate {' '.join(command)} --trust" in ended.err
    assert "Nothing of the plan is executed here" in repo.run("show", "one").out
    assert repo.run("next-batch", "--dry-run", "--trust").code == 0
    assert marker.exists()
    assert repo.changes == ""


def test_a_dry_run_shows_the_diff_on_a_dirty_tree(tmp_path: Path) -> None:
    repo = repo_with(tmp_path / "r")
    repo.write("tests/test_a.py", OLD + "# mine: old\n")
    ended = repo.run("next-batch", "--dry-run", "--trust", "--python", sys.executable)
    assert "+# mine: OLD" in ended.out
    assert repo.read("tests/test_a.py").endswith("# mine: old\n")
    assert not list(repo.top.glob(".git/orchestrate/scratch*"))


def test_fault_33_a_dry_run_needs_a_commit(tmp_path: Path) -> None:
    repo = repo_with(tmp_path / "r")
    repo.git.run("checkout", "--quiet", "--orphan", "empty")
    ended = repo.run("next-batch", "--dry-run", "--trust", "--python", sys.executable)
    assert (ended.code, "nothing was committed here yet" in ended.err) == (3, True), ended.err


def test_fault_67_what_it_leaves_running_is_ended(tmp_path: Path) -> None:
    tool = UPPER + (
        "import subprocess\n"
        "subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)  # orphan of a fixer'],"
        " start_new_session=True)\n"
    )
    landed(repo_with(tmp_path / "r", tool).next_batch(trust=True))
    time.sleep(0.1)
    lines = [" ".join(p.info["cmdline"] or ()) for p in psutil.process_iter(["cmdline"])]
    assert not [line for line in lines if "orphan of a fixer" in line]


def test_fault_68_a_missing_command_is_said_with_what_the_plan_says(tmp_path: Path) -> None:
    plan = fixer_plan(
        ["tests/test_a.py"], fixer='fixer: command\noptions: {run: "no-such-program {files}"}'
    )
    repo = make_repo(tmp_path / "r", {"tests/test_a.py": OLD, ".gitignore": IGNORED}, plan=plan)
    with pytest.raises(CannotJudge, match="no-such-program") as caught:
        repo.next_batch(trust=True)
    assert "`run: no-such-program {files}`" in caught.value.what
    assert (repo.changes, repo.leftovers) == ("", [])


def test_a_command_past_its_minutes_is_ended(tmp_path: Path) -> None:
    repo = repo_with(tmp_path / "r", "import time\ntime.sleep(60)\n", options=", minutes: 0.005", targets=("tests/test_a.py",))  # fmt: skip
    result = landed(repo.next_batch(trust=True))
    assert "ran longer than 0.3 s" in str(result.entries[0].reason)


def test_a_program_beside_the_projects_interpreter_is_found(tmp_path: Path) -> None:
    """As where the environment is active: the plan says `tool`, and it is in the venv's bin."""
    repo = repo_with(tmp_path / "r", options="", targets=("tests/test_a.py",))
    plan = repo.read("migration_plan.yaml").replace("{python} tool.py {files}", "upper {files}")
    bin_ = repo.top / ".venv/bin"
    bin_.mkdir(parents=True)
    (bin_ / "python").write_text(f'#!/bin/sh\nexec {sys.executable} "$@"\n')
    (bin_ / "python").chmod(0o755)
    (bin_ / "upper").write_text(f"#!{sys.executable}\n{UPPER}")
    (bin_ / "upper").chmod(0o755)
    repo.write(
        "migration_plan.yaml", plan.replace("verify:\n", "verify:\n  python: .venv/bin/python\n")
    )
    repo.commit("a program of the environment")
    ended = repo.run("next-batch", "--trust")
    assert "OLD" in repo.read("tests/test_a.py"), ended.err


def test_check_asks_what_is_left(tmp_path: Path) -> None:
    repo = repo_with(tmp_path / "r")
    before = repo.run("check", "--phase", "only", "--trust")
    assert (before.code, before.out.splitlines()) == (
        1, ["tests/test_a.py: command would change it", "tests/test_b.py: command would change it"],
    )  # fmt: skip
    landed(repo.next_batch())
    after = repo.run("check", "--phase", "only")
    assert (after.code, after.out) == (0, "")
    assert "nothing is left in only (2 files asked)" in after.err
    assert repo.run("check", "--phase", "onyl").code == 2


def test_check_asks_the_check_of_the_plan(tmp_path: Path) -> None:
    asks = "import sys\nbad = [p for p in sys.argv[1:] if 'old' in open(p).read()]\nprint(*(p + ':1: old' for p in bad), sep='\\n')\nsys.exit(bool(bad))\n"
    repo = repo_with(tmp_path / "r", options=', check: "{python} asks.py {files}"', files={"asks.py": asks})  # fmt: skip
    before = repo.run("check", "--phase", "only", "--trust")
    assert before.out.splitlines() == ["tests/test_a.py:1: old", "tests/test_b.py:1: old"]
    landed(repo.next_batch())
    assert repo.run("check", "--phase", "only").code == 0


def test_status_says_of_a_changed_file_only_what_record_and_bytes_tell(tmp_path: Path) -> None:
    repo = repo_with(tmp_path / "r")
    landed(repo.next_batch(trust=True))
    repo.write("tests/test_a.py", repo.read("tests/test_a.py") + "# more\n")
    first = repo.workspace().status().phases[0].batches[0].targets[0]
    assert (first.state, first.why) == (
        "edited",
        "changed since; only a run could tell what is left",
    )


JSON_TOOL = """\
import json, pathlib, sys
for path in sys.argv[1:]:
    data = json.loads(pathlib.Path(path).read_text())
    data["version"] = 2 if "bad" not in path else "two"
    pathlib.Path(path).write_text(json.dumps(data) + "\\n")
"""
JSON_CHECK = """\
import json, sys
print("checked 3 files")
for path in sys.argv[1:]:
    if not isinstance(json.load(open(path))["version"], int):
        print(path + ": version is no number")
        bad = True
sys.exit("bad" in globals())
"""


def json_repo(top: Path, **more: str) -> SampleRepo:
    paths = ["conf/a.json", "conf/bad.json", "conf/c.json"]
    plan = fixer_plan(
        paths,
        fixer=f'fixer: command\noptions: {{run: "{RUN}"}}',
        verify='gates: []\ncommands: [{name: schema, run: "{python} schema.py {files}"}]',
    )
    files = dict.fromkeys(paths, '{"version": 1}\n')
    return make_repo(
        top, {**files, "tool.py": JSON_TOOL, "schema.py": JSON_CHECK, **more}, plan=plan
    )


def test_files_that_are_no_python_are_migrated_by_commands_alone(tmp_path: Path) -> None:
    repo = json_repo(tmp_path / "r")
    result = landed(repo.next_batch(trust=True))
    assert [taken.name for taken in result.found.rejected] == ["conf/bad.json"]
    assert repo.read("conf/a.json") == '{"version": 2}\n'
    assert repo.read("conf/bad.json") == '{"version": 1}\n'
    assert [gate.gate for gate in result.record.gates] == ["strength", "schema"]
    assert (repo.changes, repo.leftovers) == ("", [])


def test_a_check_that_failed_before_is_no_fault(tmp_path: Path) -> None:
    repo = json_repo(tmp_path / "r")
    repo.write("conf/bad.json", '{"version": "one"}\n')
    repo.commit("bad before")
    result = landed(repo.next_batch(trust=True))
    assert result.found.rejected == []
    assert result.record.gates[-1].failed_before == ("schema",)


def test_a_project_without_pytest_needs_none_where_no_gate_runs_tests(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bare = tmp_path / "bare/bin"
    bare.mkdir(parents=True)
    (bare / "python").write_text(f'#!/bin/sh\nexec {sys.executable} -I -S "$@"\n')
    (bare / "python").chmod(0o755)
    monkeypatch.setenv("VIRTUAL_ENV", str(tmp_path / "bare"))
    repo = json_repo(tmp_path / "r")
    ended = repo.run("next-batch", "--trust")
    assert "conf/bad.json" in ended.err
    assert repo.read("conf/a.json") == '{"version": 2}\n'


def test_a_file_no_test_looks_at_and_a_yaml_file_among_tests(tmp_path: Path) -> None:
    """A target that is no Python has no tests; `tests: []` says so of one that is."""
    repo = repo_with(
        tmp_path / "r", targets=("tests/test_a.py", "conf.yaml", "lib.py"),
        files={"conf.yaml": "a: old\n", "lib.py": "X = 'old'\n"},
    )  # fmt: skip
    plan = repo.read("migration_plan.yaml").replace("lib.py}", "lib.py, tests: []}")
    repo.write("migration_plan.yaml", plan)
    repo.commit("lib has no tests")
    result = landed(repo.next_batch(trust=True))
    assert {entry.done for entry in result.entries} == {TargetOutcome.EDITED}
    assert repo.read("conf.yaml") == "a: OLD\n"


def test_a_red_test_takes_one_file_out_of_a_command(tmp_path: Path) -> None:
    fragile = "def test_f():\n    assert open(__file__).read().count('o' + 'ld') == 1\n# old\n"
    repo = repo_with(tmp_path / "r", files={"tests/test_b.py": fragile})
    result = landed(repo.next_batch(trust=True))
    assert [taken.name for taken in result.found.rejected] == ["tests/test_b.py"]
    assert repo.read("tests/test_b.py") == fragile


def test_on_failure_stop_puts_everything_back(tmp_path: Path) -> None:
    fragile = "def test_f():\n    assert open(__file__).read().count('o' + 'ld') == 1\n# old\n"
    repo = repo_with(
        tmp_path / "r", files={"tests/test_b.py": fragile},
        verify="gates: [compile, collect, test]\non_failure: stop",
    )  # fmt: skip
    result = repo.next_batch(trust=True)
    assert isinstance(result, Stopped)
    assert result.found.verdicts[-1].kind is GateResult.RED
    assert repo.read("tests/test_a.py") == OLD
    assert (repo.changes, repo.leftovers) == ("", [])


@pytest.mark.parametrize(
    ("options", "message"),
    [
        pytest.param('{runn: "x"}', "command has no option 'runn'; did you mean 'run'?", id="name"),
        pytest.param('{per: file}', "`run:` is missing", id="no run"),
        pytest.param('{run: "x {file}"}', "run: {file} means nothing; did you mean 'files'?", id="brace"),
        pytest.param('{run: "x \\"y"}', "run: cannot be split into words", id="quote"),
        pytest.param('{run: x, per: each}', "per is 'each'; it can be 'batch' or 'file'", id="per"),
        pytest.param('{run: x, exit_codes: [a]}', "exit_codes is ['a']", id="codes"),
        pytest.param('{run: x, minutes: 0}', "minutes is 0; it can be a number above 0", id="minutes"),
        pytest.param('{run: [x, 1]}', "run is ['x', 1]; it can be a command", id="run"),
        pytest.param('{run: x, may_touch: 3}', "may_touch is 3; it can be a list of patterns", id="touch"),
    ],
)  # fmt: skip
def test_options_that_mean_nothing_are_errors_of_the_plan(
    options: str, message: str, tmp_path: Path
) -> None:
    plan = fixer_plan(["tests/test_a.py"], fixer=f"fixer: command\noptions: {options}")
    repo = make_repo(tmp_path / "r", {"tests/test_a.py": OLD}, plan=plan)
    ended = repo.run("validate")
    assert ended.code == 2
    assert message in ended.err
    assert "migration_plan.yaml:11:" in ended.err


def test_the_edit_of_files_that_belong_together_is_shown_once(tmp_path: Path) -> None:
    fragile = "def test_f():\n    assert open(__file__).read().count('o' + 'ld') == 1\n# old\n"
    repo = repo_with(tmp_path / "r", options=", together: true", files={"tests/test_b.py": fragile})
    result = landed(repo.next_batch(trust=True))
    assert {entry.done for entry in result.entries} == {TargetOutcome.QUARANTINED}
    of_one = repo.run("show", "--patch", "tests/test_a.py").out
    assert of_one == repo.run("show", "--patch", "one").out
    assert of_one.count("diff --git") == 2


FAILING = "import unittest\n\n\nclass TestF(unittest.TestCase):\n    def test_f(self):\n        self.assertEqual('old', 'x')\n"
REWRITES = UPPER.replace(
    '"OLD")', "\"OLD\").replace(\"self.assertEqual('OLD', 'x')\", \"assert 'OLD' == 'x'\")"
)


def test_a_test_that_failed_before_may_fail_in_a_line_the_edit_rewrote(tmp_path: Path) -> None:
    repo = repo_with(tmp_path / "r", REWRITES, files={"tests/test_b.py": FAILING})
    result = landed(repo.next_batch(trust=True))
    assert "assert 'OLD' == 'x'" in repo.read("tests/test_b.py")
    assert result.record.gates[-1].failed_before == ("tests/test_b.py::TestF::test_f",)


def test_what_nobody_changed_is_not_adopted(tmp_path: Path) -> None:
    fragile = "def test_f():\n    assert open(__file__).read().count('o' + 'ld') == 1\n# old\n"
    repo = repo_with(tmp_path / "r", files={"tests/test_b.py": fragile})
    landed(repo.next_batch(trust=True))
    ended = repo.run("adopt", "tests/test_b.py", "--python", sys.executable)
    assert (ended.code, "nobody has changed it since" in ended.err) == (1, True), ended.err
    assert "orchestrate skip tests/test_b.py --reason WHY" in ended.err
    repo.write("tests/test_b.py", fragile.replace("== 1", "== 0").replace("# old", "# new"))
    assert repo.run("adopt", "tests/test_b.py", "--python", sys.executable).code == 0


def test_check_does_not_send_to_a_run_that_would_do_nothing(tmp_path: Path) -> None:
    fragile = "def test_f():\n    assert open(__file__).read().count('o' + 'ld') == 1\n# old\n"
    repo = repo_with(tmp_path / "r", files={"tests/test_b.py": fragile})
    landed(repo.next_batch(trust=True))
    ended = repo.run("check", "--phase", "only", "--python", sys.executable)
    assert (ended.code, "next: orchestrate unresolved" in ended.err) == (1, True), ended.err


def test_a_folder_in_the_place_of_a_file_is_refused(tmp_path: Path) -> None:
    tool = UPPER + "import os\nif os.path.isfile('script'):\n    os.remove('script'); os.mkdir('script'); open('script/main', 'w').write('x')\n"  # fmt: skip
    repo = repo_with(tmp_path / "r", tool, options=", may_touch: ['script*']", targets=("tests/test_a.py",), files={"script": "s\n"})  # fmt: skip
    result = landed(repo.next_batch(trust=True))
    assert "puts a folder where a file was" in str(result.entries[0].reason)
    assert (repo.read("script"), repo.changes, repo.leftovers) == ("s\n", "", [])


def test_ignored_data_is_out_of_reach(tmp_path: Path) -> None:
    tool = "import os\nos.makedirs('cache', exist_ok=True)\nopen('cache/x', 'w').write('broken')\nopen('data.db', 'w').write('broken')\n" + UPPER  # fmt: skip
    repo = repo_with(tmp_path / "r", tool, files={".gitignore": IGNORED + "/cache/\n/data.db\n"})
    repo.write("cache/x", "precious")
    repo.write("data.db", "precious")
    landed(repo.next_batch(trust=True))
    assert (repo.read("cache/x"), repo.read("data.db")) == ("precious", "precious")


def test_a_target_nobody_made_is_not_done(tmp_path: Path) -> None:
    plan = fixer_plan(["new.py"], fixer='fixer: command\noptions: {run: "true {files}"}').replace(
        "new.py}", "new.py, new: true}"
    )
    repo = make_repo(tmp_path / "r", {"a.py": ""}, plan=plan)
    result = landed(repo.next_batch(trust=True))
    assert (result.entries[0].done, result.entries[0].reason) == (
        TargetOutcome.REFUSED,
        "true did not make it",
    )


def test_options_of_one_target_are_an_error_where_nobody_reads_them(tmp_path: Path) -> None:
    plan = fixer_plan(["a.py"], fixer='fixer: command\noptions: {run: "true"}').replace(
        "a.py}", "a.py, options: {run: other}}"
    )
    ended = make_repo(tmp_path / "r", {"a.py": ""}, plan=plan).run("validate")
    assert (ended.code, "give it to the phase" in ended.err) == (2, True), ended.err


@pytest.mark.parametrize("hook", ["git rm -q other.txt", "git reset -q HEAD gone.txt; git checkout -q gone.txt"])  # fmt: skip
def test_what_a_hook_removes_or_brings_back_is_taken_back(hook: str, tmp_path: Path) -> None:
    tool = UPPER + "import os\nif os.path.exists('gone.txt'): os.remove('gone.txt')\n"
    repo = repo_with(tmp_path / "r", tool, options=", may_touch: [gone.txt]", files={"gone.txt": "g\n", "other.txt": "o\n"})  # fmt: skip
    base = repo.head
    script = repo.top / ".git/hooks/pre-commit"
    script.parent.mkdir(exist_ok=True)
    script.write_text(f"#!/bin/sh\n{hook}\n")
    script.chmod(0o755)
    with pytest.raises(CommitRefused, match="a hook changed the commit"):
        repo.next_batch(trust=True)
    assert repo.head == base
    assert repo.read("gone.txt") == "g\n"
    assert repo.read("tests/test_a.py") == OLD


def test_what_belongs_together_is_tried_again_and_adopted_together(tmp_path: Path) -> None:
    fragile = "def test_f():\n    assert open(__file__).read().count('o' + 'ld') == 1\n# old\n"
    repo = repo_with(tmp_path / "r", options=", together: true", files={"tests/test_b.py": fragile})
    landed(repo.next_batch(trust=True))
    ended = repo.run("retry", "tests/test_a.py", "--python", sys.executable)
    assert "only/one: Batch one (2 files)" in ended.err
    assert "OLD" not in repo.read("tests/test_a.py")
    for name in ("a", "b"):
        path = f"tests/test_{name}.py"
        repo.write(path, repo.read(path).replace("old", "mine").replace("== 1", "== 0"))
    ended = repo.run("adopt", "tests/test_a.py", "--python", sys.executable)
    assert ended.code == 0, ended.err
    assert {"tests/test_a.py", "tests/test_b.py"} <= set(repo.git.changed_by("HEAD"))
    assert repo.changes == ""


def test_a_file_beside_the_targets_is_not_left_out_of_what_is_adopted(tmp_path: Path) -> None:
    fragile = "def test_f():\n    assert open(__file__).read().count('o' + 'ld') == 1\n# old\n"
    repo = repo_with(
        tmp_path / "r", OUTSIDE, options=", may_touch: [shared.py]", targets=("tests/test_a.py",),
        files={"tests/test_a.py": fragile, "shared.py": "x = 1\n"},
    )  # fmt: skip
    landed(repo.next_batch(trust=True))
    repo.write("tests/test_a.py", fragile.replace("old", "mine").replace("== 1", "== 0"))
    repo.write("shared.py", "x = 2\n")
    ended = repo.run("adopt", "tests/test_a.py", "--python", sys.executable)
    assert (ended.code, "belongs to the same edit" in ended.err) == (3, True), ended.err


def test_undo_goes_back_to_before_the_first_of_two_runs(tmp_path: Path) -> None:
    repo = repo_with(tmp_path / "r", OUTSIDE, options=", may_touch: [shared.py]", targets=("tests/test_a.py",), files={"shared.py": "x = 1\n"})  # fmt: skip
    landed(repo.next_batch(trust=True))
    plan = repo.read("migration_plan.yaml") + "          - {path: tests/test_b.py}\n"
    repo.write("migration_plan.yaml", plan)
    repo.commit("one more target")
    landed(repo.next_batch(trust=True))
    assert (
        undo(repo.workspace(), "one", RunOptions(sys.executable, trust=True), ignore_events).commit
        is not None
    )
    assert repo.read("tests/test_a.py") == OLD
    assert "OLD" not in repo.read("tests/test_b.py")
    assert repo.read("shared.py") == "x = 1\n"
    assert repo.changes == ""


def test_undo_brings_back_a_program(tmp_path: Path) -> None:
    tool = UPPER + "import os\nif os.path.exists('run.sh'): os.remove('run.sh')\n"
    repo = repo_with(tmp_path / "r", tool, options=", may_touch: [run.sh]", files={"run.sh": "#!/bin/sh\n"})  # fmt: skip
    (repo.top / "run.sh").chmod(0o755)
    before = repo.commit("a program")
    landed(repo.next_batch(trust=True))
    assert (
        undo(repo.workspace(), "one", RunOptions(sys.executable, trust=True), ignore_events).commit
        is not None
    )
    assert repo.git.text("diff", before, "HEAD") == ""
