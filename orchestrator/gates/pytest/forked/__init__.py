"""Runs of pytest forked from one process that holds the installed packages they need."""
