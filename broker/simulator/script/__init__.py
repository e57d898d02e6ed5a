"""A scripted day: prices and hours read from a file."""
