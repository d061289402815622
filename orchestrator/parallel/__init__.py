"""Verifies batches beside each other in checkouts of our own, landing them in plan order."""
