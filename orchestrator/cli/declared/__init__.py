"""What typer is told: the commands and their options, each with the one call it makes."""
