"""Sources that values are loaded from."""

import threading
from typing import Any


class Source:
    """A loader that counts its calls; it raises its value if that is an exception."""

    def __init__(self, value: object) -> None:
        self.value = value
        self.calls = 0

    def __call__(self) -> Any:
        self.calls += 1
        if isinstance(self.value, Exception):
            raise self.value
        return self.value


class SlowSource:
    """A loader that keeps its callers waiting until the test lets it answer."""

    def __init__(self, value: object) -> None:
        self.value = value
        self.asked = threading.Semaphore(0)
        self.answers = threading.Event()

    def __call__(self) -> Any:
        self.asked.release()
        assert self.answers.wait(60)
        return self.value
