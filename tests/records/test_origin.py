"""Records that were copied from another repository are shown, and nothing works on files."""

from __future__ import annotations

import sys

from support import SampleRepo


def test_records_alone_say_where_it_stands(repo: SampleRepo) -> None:
    assert repo.run("next-batch", "--python", sys.executable).code == 0
    repo.git.run("rm", "-q", "-r", "tests")
    repo.write("reports/origin.json", '{"repository": "someone/else", "commit": "0123456789ab"}')
    repo.commit("only the records")
    shown = repo.run("status")
    assert "67 %" in shown.out
    assert "these are records of someone/else from 0123456789 on" in shown.err
    for command in (["next-batch"], ["next-batch", "--dry-run"], ["retry"]):
        ended = repo.run(*command)
        assert ended.code == 3, command
        assert "next: run it there" in ended.err
    assert repo.run("validate").code == 0
    assert repo.run("report").code == 0


def test_an_origin_that_says_nothing_is_an_error(repo: SampleRepo) -> None:
    repo.write("reports/origin.json", "[]")
    ended = repo.run("status")
    assert ended.code == 2
    assert "git rm reports/origin.json" in ended.err
