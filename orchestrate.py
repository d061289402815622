"""Lets `python -m orchestrate` start the tool whose package is called `orchestrator`."""

from orchestrator.cli import main

if __name__ == "__main__":
    main()
