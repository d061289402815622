"""Where the parts of a guard belong in a project."""

from __future__ import annotations

from pathlib import Path, PurePosixPath

from orchestrator.memory_safety.guard.parts import GUIDELINES
from orchestrator.project.pytest_config import configuration_of, settings_for

SECTIONS = ("CONTRIBUTING.md", "AGENTS.md", "CLAUDE.md")
"""Files of guidelines, of which those that are there get the section."""


def test_folder(top: Path) -> str:
    """The folder of the tests; "" where there are several, or none."""
    named = settings_for(top, "test_it.py").testpaths
    folders = [name.rstrip("/") for name in named if _is_inside(name) and (top / name).is_dir()]
    if not folders:
        return "tests" if (top / "tests").is_dir() else ""
    return folders[0] if len(folders) == 1 else ""


def _is_inside(name: str) -> bool:
    parts = PurePosixPath(name).parts
    return bool(parts) and not name.startswith("/") and ".." not in parts and parts != (".",)


def conftest(top: Path) -> str:
    """The conftest that all tests see: the one of the top, else that of the folder of tests."""
    folder = test_folder(top)
    at_top = (top / "conftest.py").is_file() or not folder
    return "conftest.py" if at_top else f"{folder}/conftest.py"


def configuration_file(top: Path) -> str:
    """The file of pytest's configuration; where there is none, one that can hold it."""
    if (used := configuration_of(top)) is not None:
        return used
    found = (name for name in ("pyproject.toml", "tox.ini") if (top / name).is_file())
    return next(found, "pytest.ini")


def guidelines(top: Path) -> str:
    """Beside the tests."""
    name = GUIDELINES.rpartition("/")[2]
    folder = test_folder(top)
    return f"{folder}/{name}" if folder else name


def sections(top: Path) -> list[str]:
    """Those that are there; else one to be made, unless the project has its own in another form.

    A link is passed over: what it leads to is among them, or is nobody's here.
    """
    files = (name for name in SECTIONS if not (top / name).is_symlink())
    if there := [name for name in files if (top / name).is_file()]:
        return there
    return [] if next(top.glob("CONTRIBUTING*"), None) else [SECTIONS[0]]
