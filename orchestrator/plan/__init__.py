"""What is to be done: the plan people write and review, read with exact error positions."""
