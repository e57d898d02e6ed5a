"""The broker's contract files as rows of a table, and the look-up of symbols in it."""
