"""The life of a batch: story.py tells it, each step has a file."""
