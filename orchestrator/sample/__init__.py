"""Makes sample projects with real tests, for the demo, our own tests and benchmarks."""
