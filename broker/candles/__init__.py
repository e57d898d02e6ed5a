"""Candles, cached in aligned chunks of time."""
