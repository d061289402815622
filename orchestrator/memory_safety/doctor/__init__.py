"""Whether the pattern can work in a project at all: asked of its own pytest."""
