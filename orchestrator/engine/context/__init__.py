"""What a run works with: the workspace, the options, the interpreters of its projects."""
