"""Whether an HTTP server is up."""

import requests


def answers(url: str) -> bool:
    """Whether a GET request of this address succeeds."""
    try:
        return requests.get(url, timeout=30).ok
    except requests.RequestException:
        return False
