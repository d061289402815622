"""Kills runs at random moments for as long as one likes, and counts what was lost.

    python tests/soak.py --minutes 10 --seed 7

Each round has a repository, a hook and a user's edits of its own; a run is ended after a random
time by a random signal, sent to it alone or to its whole process group as a terminal does, and the
user goes on editing while it dies. Then it is recovered. What is asked afterwards is asked of bytes
and git alone (`user.py`). The seed is printed; a round depends on it and on the machine's timing.
"""

from __future__ import annotations

import argparse
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

QUICK = PLAN.replace("phases:", "verify: {gates: [compile]}\nphases:")
SIGNALS = (signal.SIGKILL, signal.SIGTERM, signal.SIGINT)
LONGEST_S = 1.8
WAYS = {"here": [], "apart": ["--isolated"], "beside": ["--all", "--jobs", "2"]}


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
            for _ in range(chance.randint(1, 4)):
                losses += one_round(user, chance, counts)
    print(*(f"{name}: {number}" for name, number in sorted(counts.items())), sep="\n")
    print(f"losses: {len(losses)}", *losses, sep="\n  ")
    return 1 if losses else 0


def one_round(user: User, chance: random.Random, counts: Counter[str]) -> list[str]:
    """One run and its end; what was lost, or went wrong in another way."""
    kind = chance.choice(list(HOOKS))
    user.hook(kind)
    if chance.random() < 0.5:
        user.edit(chance.choice([*TARGETS, *OTHERS]))
    if chance.random() < 0.5:
        user.commit()
    way = chance.choice(list(WAYS))
    command = [sys.executable, "-m", "orchestrate", "next-batch", "--python", sys.executable]
    command += WAYS[way]
    run = subprocess.Popen(
        command, cwd=user.repo.top, start_new_session=True,
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    number, together = chance.choice(SIGNALS), chance.random() < 0.5
    time.sleep(chance.uniform(0, LONGEST_S))
    for _ in range(1 if chance.random() < 0.6 else 2):
        send(run, number, together=together)
        if chance.random() < 0.5:
            user.edit(chance.choice([*TARGETS, *OTHERS]))
        time.sleep(chance.uniform(0, 0.4))
    code = run.wait(60)
    killed = code in {-9, 130, 143} or code in {-signal.SIGINT, -signal.SIGTERM}
    counts["runs"] += 1
    counts[f"run {way}"] += 1
    counts["kills"] += killed
    counts[f"ended with {code}"] += 1
    wrong = user.losses()
    if code not in EXITS | {-signal.SIGINT, -signal.SIGTERM}:
        wrong.append(f"exit code {code}")
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
    return [f"{way}, {kind}, {number.name}: {one}" for one in [*wrong, *user.losses()]]


def send(run: subprocess.Popen[bytes], number: signal.Signals, *, together: bool) -> None:
    if run.poll() is None:
        (os.killpg if together else os.kill)(run.pid, number)


if __name__ == "__main__":
    sys.exit(main())
