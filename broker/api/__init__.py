"""The REST API under /api/broker and /api/portfolio."""
