"""Talks to git."""

from orchestrator.vcs.clones import initialised
from orchestrator.vcs.errors import GitFailed
from orchestrator.vcs.repo import Head, Repo, find_folder, find_top

__all__ = ["GitFailed", "Head", "Repo", "find_folder", "find_top", "initialised"]
