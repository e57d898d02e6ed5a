"""The third layer: watched symbols, signals and trading settings, with their API and admin."""
