"""Compares ways to do the same batches of a real repository, each on a clone of its own, in turn.

    python benchmarks/beside.py REPOSITORY --python PYTHON --limit 8 one "--jobs 2"

REPOSITORY is a clone whose plan is committed (`orchestrate plan`, then `git commit`). A side is
the options `next-batch` is given beside `--limit`; `one` is without any, `cold` is that without a
process that is kept warm, `pytest` is one plain run of the batches' files. All sides must come to
the same records, messages and trees, or the row is void. The cache of every side begins empty, but
for those that begin with `warm`: what was proved before counts.
"""

from __future__ import annotations

import argparse
import os
import shlex
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median


def main() -> int:
    """Print a line for each side: seconds of every run, the median, and the ratio to the first."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("repository", type=Path)
    parser.add_argument("--python", required=True, help="the interpreter of its tests")
    parser.add_argument("--limit", default="8")
    parser.add_argument("--phase")
    parser.add_argument("--pairs", type=int, default=2)
    parser.add_argument("sides", nargs="+")
    asked = parser.parse_args()
    seconds: dict[str, list[float]] = {side: [] for side in asked.sides}
    told: dict[str, object] = {}
    with tempfile.TemporaryDirectory(prefix="beside-") as name:
        for _ in range(asked.pairs):
            for side in asked.sides:
                clone = Path(name, "clone")  # the same place: what was proved there counts there
                shutil.rmtree(clone, ignore_errors=True)
                seconds[side].append(_run(asked, side, clone, Path(name, "cache")))
                if side != "pytest":
                    told[side] = _told(clone)
    equal = len({repr(one) for one in told.values()}) <= 1
    first = median(seconds[asked.sides[0]])
    for side, runs in seconds.items():
        each, ratio = " ".join(f"{run:.1f}" for run in runs), first / median(runs)
        print(f"{side:24} {each:24} median {median(runs):7.1f} s   first / this {ratio:.2f}")
    print("equal results" if equal else "VOID: the sides did not come to the same")
    return 0 if equal else 1


def _run(asked: argparse.Namespace, side: str, clone: Path, cache: Path) -> float:
    """Seconds of one side on a fresh clone."""
    subprocess.run(["git", "clone", "--quiet", str(asked.repository), str(clone)], check=True)
    for setting in ("user.name=bench", "user.email=bench@example.invalid"):
        subprocess.run(["git", "config", *setting.split("=")], cwd=clone, check=True)
    if side == "cold":
        _without_warm(clone)
    if not side.startswith("warm"):
        shutil.rmtree(cache, ignore_errors=True)
    venv = str(Path(asked.python).parents[1])  # where --python does not travel
    env = os.environ | {"XDG_CACHE_HOME": str(cache), "VIRTUAL_ENV": venv}
    env["PYTHONPATH"] = _search(clone)
    command = [sys.executable, "-m", "orchestrate", "next-batch", "--limit", asked.limit]
    command += ["--phase", asked.phase] if asked.phase else []
    if side == "pytest":
        command = [
            asked.python,
            "-m",
            "pytest",
            "-q",
            "-p",
            "no:cacheprovider",
            *_files(asked, clone),
        ]
    else:
        command += ["--python", asked.python]
        words = shlex.split(side)
        command += words[1:] if words[0] in {"one", "cold", "warm"} else words
    started = time.monotonic()
    ended = subprocess.run(command, cwd=clone, env=env, capture_output=True, text=True, check=False)
    took_s = time.monotonic() - started
    if ended.returncode not in {0, 1, 4}:
        raise SystemExit(f"{side}: {shlex.join(command)}\n{ended.stdout}{ended.stderr}")
    return took_s


def _search(clone: Path) -> str:
    """A project that is installed from somewhere else is found in the clone all the same."""
    ours = Path(__file__).resolve().parents[1]
    return os.pathsep.join([str(clone), str(clone / "src"), str(ours)])


def _without_warm(clone: Path) -> None:
    plan = clone / "migration_plan.yaml"
    text = plan.read_text("utf-8")
    has = text.startswith("verify:\n") or "\nverify:\n" in text
    text = (
        text.replace("verify:\n", "verify:\n  warm: false\n", 1)
        if has
        else text + "\nverify: {warm: false}\n"
    )
    plan.write_text(text, "utf-8")
    subprocess.run(
        ["git", "commit", "--quiet", "--no-verify", "-am", "cold"], cwd=clone, check=True
    )


def _files(asked: argparse.Namespace, clone: Path) -> list[str]:
    """The files of the first batches."""
    from orchestrator.plan.load import load

    plan = load(clone / "migration_plan.yaml", plan_path="migration_plan.yaml", checks=[])
    batches = [b for p in plan.phases if asked.phase in {None, p.id} for b in p.batches]
    return [t.path for b in batches[: int(asked.limit)] for t in b.targets]


def _told(clone: Path) -> object:
    """What the records hold, and what every commit says and changes."""
    records = {
        str(file.relative_to(clone)): file.read_text("utf-8")
        for file in sorted((clone / "reports").rglob("*.json"))
    }
    log = ["git", "log", "--format=%B", "--patch", "--invert-grep", "--grep", "^cold$"]
    done = subprocess.run(log, cwd=clone, capture_output=True, check=True)
    lines = [line for line in done.stdout.splitlines() if not line.startswith(b"index ")]
    return records, b"\n".join(lines)


if __name__ == "__main__":
    sys.exit(main())
