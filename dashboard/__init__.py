"""The fourth layer: the trader's pages, which read through the same functions and cache as the API."""
