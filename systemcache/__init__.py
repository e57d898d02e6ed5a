"""The ground floor: families, fetch-through, invalidation, statistics. Imports no other app."""
