"""Free TCP ports on 127.0.0.1."""

import socket
from random import SystemRandom

# Below the range the kernel gives to outgoing connections: there a client that retries against a killed
# server can meet itself, and any other connection can take the port before the server is back.
FIRST, LAST = 15_000, 32_000
# The shared generator is seeded alike in all workers of a run, so they would all try the same ports.
_random = SystemRandom()


def free_port() -> int:
    """Free a moment ago: whoever uses it must be ready to find it taken."""
    while True:
        port = _random.randint(FIRST, LAST)
        with socket.socket() as candidate:
            try:
                candidate.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
