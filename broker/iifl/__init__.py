"""The broker's API: routes, HTTP, rate limits, session, login, and the mapping of its JSON into values."""
