"""Runs the project's pytest, with plug-ins of ours that write down what each test did."""
