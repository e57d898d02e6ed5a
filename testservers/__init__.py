"""Real servers for tests: each on a free port, and none outlives the process that started it."""
