"""Lets `python -m orchestrator` start the tool."""

from orchestrator.cli import main

main()
