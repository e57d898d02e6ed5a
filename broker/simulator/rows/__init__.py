"""Rows of the simulator's answers, in the broker's wire format."""
