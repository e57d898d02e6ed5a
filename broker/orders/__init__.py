"""Placing, changing and cancelling orders, with a record of each request."""
