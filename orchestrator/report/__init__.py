"""Writes text that people read later: commit messages, the status as Markdown or JSON."""
