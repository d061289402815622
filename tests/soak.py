"""Kills runs at random moments for as long as one likes, and counts what was lost.

    python tests/soak.py --minutes 10 --seed 7

Each round has a repository, a hook and a user's edits of its own. Somebody else may have pushed
records that name what no plan could, or planted notes and links. A command that writes, of every kind,
is ended after a random time by a random signal, sent to it alone or to its whole process group as a
terminal does, and the user goes on editing while it dies. What is asked is asked of bytes and git alone
(`user.py`), before the next command and after it: one that was interrupted cleans up itself, one that
was killed is recovered. A folder beside the repository must never change. The seed is printed; a round
depends on it and on the machine's timing.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

from support import PLAN
from user import EXITS, HOOKS, OTHERS, TARGETS, User, new_user

from orchestrator.base import tempdirs

QUICK = PLAN.replace("phases:", "verify: {gates: [compile]}\nphases:")
SIGNALS = (signal.SIGKILL, signal.SIGTERM, signal.SIGINT)
LONGEST_S = 1.8
WAYS = {
    "here": ["next-batch"],
    "apart": ["next-batch", "--isolated"],
    "beside": ["next-batch", "--all", "--jobs", "2"],
    "undo": ["undo", "first/one"],
    "retry": ["retry", "first/one"],
    "adopt": ["adopt", "tests/test_c.py", "--reason", "by hand"],
    "skip": ["skip", "first/two", "--reason", "not now"],
    "recover": ["recover"],
    "resolve": ["resolve"],
    "guard": ["guard", "--only", "hook", "--yes"],
    "update": ["plan", "--update"],
}
OFTEN = ("here", "apart", "beside")
OF_ONE_FILE = frozenset({"adopt", "skip"})
"""These are about tests/test_c.py, while the hook writes to tests/test_a.py."""
WITH_PYTHON = frozenset({"here", "apart", "beside", "undo", "retry", "adopt"})
WRITES_FREELY = frozenset({"guard", "update", "resolve"})
"""What these write is the user's to commit, so that the tree may differ after them."""

RECORD = "reports/first/one.json"
ELSEWHERE = (
    "../outside/precious.txt", ".git/orchestrate/trusted", ".git/hooks/post-commit",
    ".GIT/info/attributes", "git~1/config", "link/precious.txt", "notes.txt", "migration_plan.yaml",
)  # fmt: skip


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--minutes", type=float, default=5.0)
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(10**6))
    asked = parser.parse_args()
    print(f"seed {asked.seed}")
    os.environ |= {"GIT_CONFIG_GLOBAL": "/dev/null", "GIT_CONFIG_NOSYSTEM": "1"}
    chance, counts, losses = random.Random(asked.seed), Counter[str](), list[str]()
    until_s = time.monotonic() + 60 * asked.minutes
    while time.monotonic() < until_s:
        with tempfile.TemporaryDirectory(prefix="soak-") as folder:
            user = new_user(Path(folder) / "repo", QUICK)
            outside = Path(folder) / "outside"
            for path in ("precious.txt", "orchestrate-worktree-x/precious.txt"):
                (outside / path).parent.mkdir(parents=True, exist_ok=True)
                (outside / path).write_text("years of work")
            for _ in range(chance.randint(1, 5)):
                losses += one_round(user, chance, counts)
                held = {str(p.relative_to(outside)): p.read_text() for p in outside.rglob("*.txt")}
                if set(held.values()) != {"years of work"} or len(held) != 2:
                    losses.append(f"outside the repository: {held}")
    print(*(f"{name}: {number}" for name, number in sorted(counts.items())), sep="\n")
    print(f"losses: {len(losses)}", *losses, sep="\n  ")
    return 1 if losses else 0


def one_round(user: User, chance: random.Random, counts: Counter[str]) -> list[str]:
    """One command and its end; what was lost, or went wrong in another way."""
    kind = chance.choice(list(HOOKS))
    user.hook(kind)
    if chance.random() < 0.5:
        user.edit(chance.choice([*TARGETS, *OTHERS]))
    if chance.random() < 0.3:
        counts[f"attack {attack(user, chance)}"] += 1
    if chance.random() < 0.5:
        user.commit()
    way, number = chance.choice([*OFTEN, *OFTEN, *WAYS]), chance.choice(SIGNALS)
    code = ended(way, number, user, chance)
    counts["runs"] += 1
    counts[f"run {way}"] += 1
    counts["kills"] += code in {-9, 130, 143} or -code in SIGNALS
    counts[f"ended with {code}"] += 1
    wrong = [*before_the_next(way, code, user), *recovered(user, chance, counts)]
    return [f"{way}, {kind}, {number.name}: {one}" for one in [*wrong, *user.losses()]]


def ended(way: str, number: signal.Signals, user: User, chance: random.Random) -> int:
    """The exit code of a command that is sent a signal while the user goes on editing."""
    command = [sys.executable, "-m", "orchestrate", *WAYS[way]]
    command += ["--python", sys.executable] if way in WITH_PYTHON else []
    run = subprocess.Popen(
        command, cwd=user.repo.top, start_new_session=True,
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    together = chance.random() < 0.5
    time.sleep(chance.uniform(0, LONGEST_S))
    for _ in range(1 if chance.random() < 0.6 else 2):
        send(run, number, together=together)
        if chance.random() < 0.5:
            user.edit(chance.choice([*TARGETS, *OTHERS]))
        time.sleep(chance.uniform(0, 0.4))
    return run.wait(60)


def before_the_next(way: str, code: int, user: User) -> list[str]:
    """What is wrong as the command left it."""
    wrong = user.losses()
    if code in {130, 143}:  # it had the time to clean up: nothing may wait for the next command
        journal = user.repo.top / ".git/orchestrate/journal.json"
        wrong += ["a journal is left by a run that was interrupted"] if journal.exists() else []
        odd = set() if way in WRITES_FREELY else user.odd()
        if way in OF_ONE_FILE:  # what the hook does to another one is the user's own
            odd = {path for path in odd if not user.is_by_the_hook(path)}
        wrong += [f"{path} is not the user's, and differs after an interruption" for path in odd]
    if code not in EXITS | {-signal.SIGINT, -signal.SIGTERM}:
        wrong.append(f"exit code {code}")
    return wrong


def recovered(user: User, chance: random.Random, counts: Counter[str]) -> list[str]:
    """What is wrong once `recover` has ended what the command left behind."""
    wrong = []
    ended = user.repo.run("recover")
    counts["needed a decision"] += ended.code == 5
    if ended.code == 6 and "index.lock" in ended.err:  # a git was killed: as the message says
        counts["killed git left its lock"] += 1
        (user.repo.top / ".git/index.lock").unlink()
        ended = user.repo.run("recover")
    if ended.code == 5:
        ended = user.repo.run("recover", chance.choice(["--keep", "--restore"]))
    if ended.code != 0:
        wrong.append(f"recover ended with {ended.code}: {ended.err}")
    left = [path for path in user.repo.leftovers if not path.startswith("rescue/")]
    wrong += [f"left: {path}" for path in left]
    wrong += [f"left: {file}" for file in user.repo.top.rglob(".orchestrate-*")]
    if "\n+# by the hook" in user.repo.git.text("log", "-p", "--grep=^Migration: ", "main"):
        wrong.append("what no gate has seen was committed")
    if len(trees := user.repo.git.text("worktree", "list").splitlines()) != 1:
        wrong.append(f"work trees are left: {trees[1:]}")
    user.repo.git.run("fsck", "--strict", "--no-progress")
    if "is not a record" in user.repo.run("status").err:
        counts["a hostile record was named"] += 1
        user.repo.git.run("rm", "-q", "-f", "--", RECORD)
        user.repo.git.run("commit", "-qm", "it is removed", "--no-verify", "--", RECORD)
    return wrong


def attack(user: User, chance: random.Random) -> str:
    """Let somebody push a record, or plant a note or a link; what it was."""
    top = user.repo.top
    kind = chance.choice(["record", "note", "link"])
    if kind == "link" and not (top / "link").is_symlink():
        (top / "link").symlink_to("../outside")
    elif kind == "note":
        folder = top / ".git/orchestrate"
        folder.mkdir(exist_ok=True)
        told = {"folder": str(top.parent / "outside"), "token": "", "run": "", "pid": 999_999}
        told |= {"pids": tempdirs.pid_namespace()}
        place = str(top / "link/orchestrate-worktree-x")
        text = json.dumps(told | {"folder": place}) if chance.random() < 0.5 else f"{place}\n"
        (folder / f"worktree-{chance.randrange(99)}-1").write_text(text)
    elif (record := top / RECORD).is_file():
        with contextlib.suppress(ValueError):
            held = json.loads(record.read_bytes())
            path, blob = chance.choice(ELSEWHERE), held["targets"][0]["before"]
            held["others"] = [{"path": path, "done": "edited", "before": blob}]
            record.write_text(json.dumps(held))
            user.commit()
    return kind


def send(run: subprocess.Popen[bytes], number: signal.Signals, *, together: bool) -> None:
    if run.poll() is None:
        (os.killpg if together else os.kill)(run.pid, number)


if __name__ == "__main__":
    sys.exit(main())
