"""Failures on demand, and the alternate forms of the broker's answers."""
