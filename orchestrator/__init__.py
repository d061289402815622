"""Carries a repository through a long mechanical migration in small, proven, reversible commits."""

__version__ = "0.1.0"
