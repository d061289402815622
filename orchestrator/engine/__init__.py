"""Carries a batch from the plan to its commit: next_batch.py, then run_batch.py."""
