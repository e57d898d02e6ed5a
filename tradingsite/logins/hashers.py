"""Password hashes in a thread of low priority, one at a time: each takes a quarter of a second of a core."""

import os
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

from django.contrib.auth.hashers import PBKDF2PasswordHasher

from systemcache import process_state

NICENESS = 19


class HashingThread:
    """Starts with the first hash; a forked child starts its own."""

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        self._pool = ThreadPoolExecutor(1, "password-hash", initializer=_give_way)

    def encode(self, hasher: PBKDF2PasswordHasher, password: str, salt: str, iterations: int | None) -> str:
        return self._pool.submit(PBKDF2PasswordHasher.encode, hasher, password, salt, iterations).result()


def _give_way() -> None:
    if sys.platform == "linux":  # elsewhere it would slow the whole process down
        with suppress(OSError):
            os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), NICENESS)


thread = process_state.register(HashingThread())


class BackgroundPBKDF2Hasher(PBKDF2PasswordHasher):
    """Django's own, with the same name in the database: hashes made by either are valid for both."""

    def encode(self, password: str, salt: str, iterations: int | None = None) -> str:
        return thread.encode(self, password, salt, iterations)
