"""What the packages of the fixer hand each other: options, groups, counts, findings."""
