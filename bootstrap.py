#!/usr/bin/env python3
"""Makes `.venv` and runs `demo` or `test` in it; needs nothing but Python 3.11 and git."""

import hashlib
import shutil
import subprocess
import sys
import time
from pathlib import Path

TOP = Path(__file__).resolve().parent
VENV = TOP / ".venv"
STAMP = VENV / ".stamp"
PYTHON = VENV / "bin" / "python"

USAGE = """\
usage: python3 bootstrap.py demo [DIR]   watch a sample project being migrated
       python3 bootstrap.py test [ARGS]  lint, types, contracts and tests of this repository
       python3 bootstrap.py run ARGS     orchestrate ARGS
"""


def main() -> int:
    """Do what the command line says; the exit code is that of what was run."""
    command, arguments = (sys.argv[1:2] or [""])[0], sys.argv[2:]
    if command not in {"demo", "test", "run"}:
        sys.stderr.write(USAGE)
        return 2
    if sys.version_info < (3, 11):  # noqa: UP036 - this very file may be started by an older one
        sys.stderr.write("Python 3.11 or newer is needed, not " + sys.version.split()[0] + "\n")
        return 4
    if shutil.which("git") is None:
        sys.stderr.write("git is needed and is not on PATH; install the package `git`\n")
        return 4
    if not prepared():
        return 4
    if command == "test":
        return run_checks(arguments)
    orchestrate = [str(VENV / "bin" / "orchestrate")]
    return subprocess.call([*orchestrate, *(["demo"] if command == "demo" else []), *arguments])


def prepared() -> bool:
    """Make the environment unless it is the one pyproject.toml asks for; say so if it fails."""
    stamp = hashlib.sha256((TOP / "pyproject.toml").read_bytes() + sys.version.encode()).hexdigest()
    if PYTHON.exists() and STAMP.exists() and STAMP.read_text() == stamp:
        return True
    print("preparing .venv (once; a minute or so) …", flush=True)
    uv = shutil.which("uv")
    try:
        if uv:
            install_with_uv(uv)
        elif not install_with_pip():
            return False
    except subprocess.CalledProcessError as error:
        sys.stderr.write(f"\npreparing .venv failed (exit code {error.returncode}), see above\n")
        return False
    subprocess.run([str(PYTHON), "-m", "compileall", "-q", "orchestrator"], cwd=TOP, check=False)
    STAMP.write_text(stamp)
    return True


def install_with_uv(uv: str) -> None:
    """The environment, by uv."""
    call([uv, "venv", "--quiet", "--clear", "--python", sys.executable, str(VENV)])
    call([
        uv, "pip", "install", "--quiet", "--compile-bytecode", "--python", str(PYTHON),
        "--editable", str(TOP), "--group", f"{TOP / 'pyproject.toml'}:dev",
    ])  # fmt: skip


def install_with_pip() -> bool:
    """The environment, by venv and pip; False where this Python cannot make one."""
    try:
        import ensurepip  # noqa: F401
    except ImportError:
        version = f"{sys.version_info[0]}.{sys.version_info[1]}"
        sys.stderr.write(
            "this Python cannot make virtual environments: its module ensurepip is missing.\n"
            f"On Debian or Ubuntu: apt install python{version}-venv, then the same command again.\n"
        )
        return False
    call([sys.executable, "-m", "venv", "--clear", str(VENV)])
    pip = [str(PYTHON), "-m", "pip", "--quiet", "--disable-pip-version-check"]
    call([*pip, "install", "--upgrade", "pip>=25.1"])  # the first that knows dependency groups
    call([
        *pip, "install", "--editable", str(TOP), "--group", f"{TOP / 'pyproject.toml'}:dev",
    ])  # fmt: skip
    return True


def call(command: list[str]) -> None:
    """Run an installer; its output is shown."""
    subprocess.run(command, check=True, cwd=TOP)


def run_checks(arguments: list[str]) -> int:
    """Each check in turn, all of them even after one failed; with arguments, pytest alone."""
    tests = [str(PYTHON), "-m", "pytest", "-q", "-n", "auto", "--dist", "loadgroup"]
    checks = {
        "ruff check": [bin_("ruff"), "check", "."],
        "ruff format": [bin_("ruff"), "format", "--check", "."],
        "mypy": [bin_("mypy")],
        "import-linter": [bin_("lint-imports"), "--no-logo"],
        "pytest": tests,
    }
    if arguments:
        checks = {"pytest": [*tests, *arguments]}
    failed = []
    for name, command in checks.items():
        started = time.monotonic()
        print(f"== {name}", flush=True)
        if subprocess.call(command, cwd=TOP) != 0:
            failed.append(name)
        print(f"== {name}: {time.monotonic() - started:.1f} s", flush=True)
    print(f"failed: {', '.join(failed)}" if failed else "all checks passed", flush=True)
    return 1 if failed else 0


def bin_(name: str) -> str:
    """A program of the environment."""
    return str(VENV / "bin" / name)


if __name__ == "__main__":
    sys.exit(main())
