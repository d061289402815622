"""Batches beside each other: judged in checkouts of our own, landed in plan order by one hand."""
