"""The pages' own template filters."""
