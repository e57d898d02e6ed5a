"""Logins of people: whose address counts, how many may fail, and the second factor."""
