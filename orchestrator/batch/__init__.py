"""The life of a batch: story.py tells it, and each step of it has a file."""
