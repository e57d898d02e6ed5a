"""`/stream`: events for programs and pages, as Server-Sent Events from an ASGI server of its own."""
