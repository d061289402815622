"""From what a repository holds to a plan that people can review, and back when it changed."""
