"""A test that fails and shows the environment tells no secret, wherever it is kept or shown."""

from __future__ import annotations

import base64
import json
import sys
from pathlib import Path
from urllib.parse import quote

import pytest
from support import FILES, PLAN, SampleRepo, make_repo

SECRETS = {
    "DATABASE_URL": "postgres://me:pa55-w0rd@db.example/x",
    "GH_PAT": "ghp_0123456789abcdef",
    "SESSION_COOKIE": "sess=abc1234; it's",
    "SSH_PRIVATE_KEY": "-----BEGIN KEY-----\nb3BlbnNzaC1rZXk\nAAAAB3NzaC1yc2E\n-----END KEY-----\n",
}
FROM_FILE = "from-a-dotenv-file-0815"
ONLY_NOW = """\
import os
from unittest.mock import AsyncMock


def load():
    os.environ["FROM_FILE"] = open(".secret").read()


load()


class TestAlpha:
    def test_one(self):
        assert AsyncMock() is not None

    def test_two(self):
        if hasattr(self, "teardown_method"):
            {how}
"""
SHOWING = {
    "the whole environment": "assert dict(os.environ) == {}",
    "a message with a key in repr": (
        'raise ValueError("no key: %r" % [os.environ[k] for k in '
        '("SSH_PRIVATE_KEY", "GH_PAT", "DATABASE_URL", "SESSION_COOKIE", "FROM_FILE")])'
    ),
    "encoded": (
        "import base64, urllib.parse; raise RuntimeError(' '.join("
        "base64.b64encode(v.encode()).decode() + ' ' + urllib.parse.quote(v, safe='') "
        "for k, v in os.environ.items() if k in "
        '("SSH_PRIVATE_KEY", "GH_PAT", "DATABASE_URL", "SESSION_COOKIE", "FROM_FILE")))'
    ),
}
RAISED = {
    "the whole environment": 'AssertionError at "assert dict(os.environ) == {}"',
    "a message with a key in repr": 'ValueError at "raise ValueError(',
    "encoded": 'RuntimeError at "import base64',
}


def telling() -> set[str]:
    """Parts of the secrets in the forms they are printed in."""
    values = [*SECRETS.values(), FROM_FILE]
    lines = [line for value in values for line in value.splitlines()]
    written = {repr(line)[1:-1] for line in lines}
    written |= {quote(line, safe="") for line in lines}
    written |= {base64.b64encode(value.encode()).decode().rstrip("=") for value in values}
    return {part[at : at + 8] for part in written for at in range(len(part) - 7)}


def repo_that_shows(tmp_path: Path, how: str, plan: str = PLAN) -> SampleRepo:
    files = {**FILES, ".secret": FROM_FILE, "tests/test_a.py": ONLY_NOW.replace("{how}", how)}
    return make_repo(tmp_path / "r", files, plan=plan)


def kept(repo: SampleRepo) -> dict[str, str]:
    """Everything a run leaves behind that is not the code: record, message, logs, reports."""
    found = {"message": repo.git.text("log", "-1", "--format=%B")}
    for folder in ("reports", ".git/orchestrate"):
        for file in (repo.top / folder).rglob("*"):
            if file.is_file():
                found[str(file.relative_to(repo.top))] = file.read_text("utf-8", "replace")
    return found


@pytest.mark.parametrize("how", SHOWING)
def test_no_secret_is_kept_or_shown(tmp_path: Path, how: str) -> None:
    repo = repo_that_shows(tmp_path, SHOWING[how])
    said = repo.run("next-batch", "--python", sys.executable, env=SECRETS)
    assert said.code == 1, said.err
    report = repo.run("report", env={})
    assert report.code == 0
    shown = repo.run("unresolved")
    places = {**kept(repo), "stdout": said.out, "stderr": said.err, "unresolved": shown.out}
    assert {"reports/report.md", "reports/report.html"} <= places.keys()
    assert any(name.endswith(".log") for name in places)
    for place, text in places.items():
        assert not [part for part in telling() if part in text], place
    [entry, _] = json.loads(repo.read("reports/first/one.json"))["targets"]
    assert RAISED[how] in entry["reason"]
    assert RAISED[how] in " ".join(places["message"].split())


def test_the_evidence_a_plan_asks_for_shows_values_but_no_secret(tmp_path: Path) -> None:
    plan = f"{PLAN}commit: {{evidence: full}}\n"
    how = 'assert (os.environ["GH_PAT"], 6 * 7) == ()'
    repo = repo_that_shows(tmp_path, how, plan)
    assert repo.run("next-batch", "--python", sys.executable, env=SECRETS).code == 1
    [entry, _] = json.loads(repo.read("reports/first/one.json"))["targets"]
    assert "AssertionError: assert ('[GH_PAT]', 42) == ()" in entry["reason"]
    for place, text in kept(repo).items():
        assert not [part for part in telling() if part in text], place


@pytest.mark.parametrize(
    ("how", "reason"),
    [
        pytest.param('import nothing.at.all', "ModuleNotFoundError for 'nothing' at \"import nothing.at.all\"", id="a missing module"),
        pytest.param('raise KeyError(os.environ["GH_PAT"])', 'KeyError at "raise KeyError(os.environ["GH_PAT"])"', id="an error of the module"),
    ],
)  # fmt: skip
def test_a_file_that_cannot_be_collected_is_quoted_by_its_source(
    tmp_path: Path, how: str, reason: str
) -> None:
    text = f"{FILES['tests/test_a.py']}\n\nimport os\nif hasattr(TestAlpha, 'teardown_method'):\n    {how}\n"
    repo = make_repo(tmp_path / "r", {**FILES, "tests/test_a.py": text})
    assert repo.run("next-batch", "--python", sys.executable, env=SECRETS).code == 1
    [entry, _] = json.loads(repo.read("reports/first/one.json"))["targets"]
    assert f"({reason})" in entry["reason"]
    for place, told in kept(repo).items():
        assert not [part for part in telling() if part in told], place


def test_a_process_that_judges_beside_answers_without_its_secrets(tmp_path: Path) -> None:
    repo = repo_that_shows(tmp_path, SHOWING["a message with a key in repr"])
    said = repo.run("next-batch", "--all", "--jobs", "2", "--python", sys.executable, env=SECRETS)
    assert said.code == 1, said.err
    for place, text in {**kept(repo), "stdout": said.out, "stderr": said.err}.items():
        assert not [part for part in telling() if part in text], place
