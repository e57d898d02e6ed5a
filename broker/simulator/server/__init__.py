"""The HTTP server: routes, handlers, sessions, rate limits, the log of calls."""
