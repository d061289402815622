"""Git, the real program: the one room that talks to it."""

from orchestrator.git.failures import GitFailed
from orchestrator.git.lend import initialised
from orchestrator.git.repo import Head, Repo, find_folder, find_top

__all__ = ["GitFailed", "Head", "Repo", "find_folder", "find_top", "initialised"]
