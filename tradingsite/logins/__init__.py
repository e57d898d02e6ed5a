"""Logins: the client's address, the throttle of failed logins, and the second factor."""
