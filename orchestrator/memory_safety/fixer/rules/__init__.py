"""The one predicate: what each test class of a file lacks, and what a person should know."""
