"""Checks and fixes files outside any plan: which ones, by which settings, over processes."""
