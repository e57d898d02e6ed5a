"""How many streams a user has in this process."""

import threading
from collections import Counter

from rest_framework.exceptions import APIException

from systemcache import process_state

MAX_OF_USER = 20
MAX_OF_ALL = 1_000


class TooManyStreams(APIException):
    status_code = 429
    default_code = "too_many_streams"
    wait = 12  # seconds; by then the disappearance of a reader has been noticed

    def __init__(self) -> None:
        super().__init__(f"A user may have {MAX_OF_USER} streams: close one, and try again in {self.wait} seconds.")


class StreamServerFull(APIException):
    status_code = 503
    default_code = "too_many_streams"
    wait = 12

    def __init__(self) -> None:
        super().__init__(f"This process has {MAX_OF_ALL} streams and accepts no more.")


class _Places:
    """Thread-safe."""

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        self._lock = threading.Lock()
        self._taken: Counter[int] = Counter()

    def take(self, user_id: int) -> None:
        """Raises TooManyStreams, StreamServerFull."""
        with self._lock:
            if self._taken[user_id] >= MAX_OF_USER:
                raise TooManyStreams
            if self._taken.total() >= MAX_OF_ALL:
                raise StreamServerFull
            self._taken[user_id] += 1

    def release(self, user_id: int) -> None:
        with self._lock:
            self._taken[user_id] -= 1
            if self._taken[user_id] <= 0:
                del self._taken[user_id]


places = process_state.register(_Places())
