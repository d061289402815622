"""What keeps work safe: one run at a time, nothing lost, whatever happens on the way."""
