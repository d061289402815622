"""The commands that are about the pattern: check, fix, scan, doctor, guard."""
