"""Fixers that are other programs: a command, or an agent, at work in a scratch copy."""
