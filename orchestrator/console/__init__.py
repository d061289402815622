"""Shows values to people: the only room that prints, and the only one that knows rich."""
