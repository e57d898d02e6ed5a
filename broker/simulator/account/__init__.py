"""The simulated account: orders, matching, positions, cash."""
