#!/usr/bin/env python3
"""Makes `.venv` and runs `demo` or `test` in it; needs nothing but Python 3.11 and git."""

import hashlib
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

TOP = Path(__file__).resolve().parent
VENV = TOP / ".venv"

USAGE = """\
usage: python3 bootstrap.py demo [DIR]   watch a sample project being migrated
       python3 bootstrap.py test [ARGS]  lint, types, contracts and tests of this repository
       python3 bootstrap.py run ARGS     orchestrate ARGS
       python3.N bootstrap.py test-python [ARGS]
                                         the tests that depend on the Python, with this one
"""

DEPEND_ON_PYTHON = [
    "tests/gates/test_compile.py",
    "tests/gates/test_suite.py",
    "tests/gates/test_warm.py",
    "tests/fixers/test_codemod.py",
    "tests/fixers/test_programs.py::test_a_program_beside_the_projects_interpreter_is_found",
    "tests/fixers/test_programs.py::test_a_target_may_be_made_by_the_fixer",
    "tests/fixers/test_runner.py",
    "tests/memory_safety/check/test_check.py::test_case_69_files_that_are_nested_too_deeply_are_told_and_the_others_go_on",
    "tests/parallel/test_beside.py::test_a_worker_that_is_killed_is_replaced",
    "tests/parallel/test_beside.py::test_what_a_started_program_reads_counts",
    "tests/parallel/test_beside.py::test_what_one_process_learned_of_the_packages_holds_for_all",
    "tests/worktrees/test_opened_files.py",
    "tests/project/test_interpreter.py",
    "tests/base/test_process.py",
    "tests/test_surroundings.py",
]
"""What starts interpreters, watches them or forks: it may pass with one and fail with another."""


def main() -> int:
    """Do what the command line says; the exit code is that of what was run."""
    command, arguments = (sys.argv[1:2] or [""])[0], sys.argv[2:]
    if command not in {"demo", "test", "test-python", "run"}:
        sys.stderr.write(USAGE)
        return 2
    if sys.version_info < (3, 11):  # noqa: UP036 - this very file may be started by an older one
        sys.stderr.write("Python 3.11 or newer is needed, not " + sys.version.split()[0] + "\n")
        return 4
    if shutil.which("git") is None:
        sys.stderr.write("git is needed and is not on PATH; install the package `git`\n")
        return 4
    if command == "test-python":
        venv = TOP / f".venv-{sys.version_info[0]}.{sys.version_info[1]}"
        print(f"== Python {sys.version.split()[0]}", flush=True)
        return run_checks(venv, arguments or DEPEND_ON_PYTHON) if prepared(venv, "test") else 4
    return run(command, arguments) if prepared(VENV) else 4


def run(command: str, arguments: list[str]) -> int:
    """Do it in `.venv`."""
    if command == "test":
        return run_checks(VENV, arguments)
    orchestrate = [str(VENV / "bin" / "orchestrate")]
    return subprocess.call([*orchestrate, *(["demo"] if command == "demo" else []), *arguments])


def prepared(venv: Path, group: str = "dev") -> bool:
    """Make the environment unless it is the one pyproject.toml asks for; say so if it fails."""
    stamp = hashlib.sha256((TOP / "pyproject.toml").read_bytes() + sys.version.encode()).hexdigest()
    stamped = venv / ".stamp"
    if python_of(venv).exists() and stamped.exists() and stamped.read_text() == stamp:
        return True
    print(f"preparing {venv.name} (once; a minute or so) …", flush=True)
    uv = shutil.which("uv")
    try:
        if uv:
            install_with_uv(uv, venv, group)
        elif not install_with_pip(venv, group):
            return False
    except subprocess.CalledProcessError as error:
        sys.stderr.write(
            f"\npreparing {venv.name} failed (exit code {error.returncode}), see above\n"
        )
        return False
    compiling = [str(python_of(venv)), "-m", "compileall", "-q", "orchestrator"]
    subprocess.run(compiling, cwd=TOP, check=False)
    stamped.write_text(stamp)
    return True


def python_of(venv: Path) -> Path:
    """The interpreter of an environment."""
    return venv / "bin" / "python"


def install_with_uv(uv: str, venv: Path, group: str) -> None:
    """The environment, by uv."""
    call([uv, "venv", "--quiet", "--clear", "--python", sys.executable, str(venv)])
    call([
        uv, "pip", "install", "--quiet", "--compile-bytecode", "--python", str(python_of(venv)),
        "--editable", str(TOP), "--group", f"{TOP / 'pyproject.toml'}:{group}",
    ])  # fmt: skip


def install_with_pip(venv: Path, group: str) -> bool:
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
    call([sys.executable, "-m", "venv", "--clear", str(venv)])
    pip = [str(python_of(venv)), "-m", "pip", "--quiet", "--disable-pip-version-check"]
    call([*pip, "install", "--upgrade", "pip>=25.1"])  # the first that knows dependency groups
    call([
        *pip, "install", "--editable", str(TOP), "--group", f"{TOP / 'pyproject.toml'}:{group}",
    ])  # fmt: skip
    return True


def call(command: list[str]) -> None:
    """Run an installer; its output is shown."""
    subprocess.run(command, check=True, cwd=TOP)


def run_checks(venv: Path, arguments: list[str]) -> int:
    """Each check in turn, all of them even after one failed; with arguments, pytest alone."""
    programs = venv / "bin"
    workers = str((os.cpu_count() or 1) + 1)  # many tests wait for something
    tests = [str(python_of(venv)), "-m", "pytest", "-q", "-n", workers, "--dist", "loadgroup"]
    checks = {
        "ruff check": [str(programs / "ruff"), "check", "."],
        "ruff format": [str(programs / "ruff"), "format", "--check", "."],
        "mypy": [str(programs / "mypy")],
        "import-linter": [str(programs / "lint-imports"), "--no-logo"],
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


if __name__ == "__main__":
    sys.exit(main())
