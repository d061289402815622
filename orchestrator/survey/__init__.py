"""What there is to fix in a repository: every test file counted, ranked, and remembered."""
