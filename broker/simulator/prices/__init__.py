"""The sources of prices, generated from a seed or replayed from files, and the instruments."""
