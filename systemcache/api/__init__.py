"""The REST API under /api/system, and Prometheus metrics."""
