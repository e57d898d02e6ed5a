"""var/ and what is in it, for its owner alone: the database, keys, a login, logs."""

import fcntl
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from django.core.exceptions import ImproperlyConfigured

FOLDER, FILE = 0o700, 0o600
OTHERS = stat.S_IRWXG | stat.S_IRWXO


def private_folder(path: Path) -> Path:
    """The folder, made if it is missing. Raises ImproperlyConfigured if this user cannot write to it."""
    try:
        path.mkdir(mode=FOLDER, parents=True, exist_ok=True)
        if not os.access(path, os.W_OK | os.X_OK):
            raise PermissionError(0, "not writable by this user")
    except OSError as error:
        raise ImproperlyConfigured(
            f"The folder {path} cannot be used ({error.strerror}): make it writable, or run the site as its owner."
        ) from error
    _tighten(path)
    return path


def tighten(folder: Path) -> None:
    """Take from others what an earlier version, or a command with another umask, left open."""
    for path in folder.rglob("*"):
        if not path.is_symlink():
            _tighten(path)


def _tighten(path: Path) -> None:
    # Gone meanwhile, or another user's: a volume that a container was given, for example.
    with suppress(FileNotFoundError, PermissionError):
        mode = stat.S_IMODE(path.stat().st_mode)
        if mode & OTHERS:
            path.chmod(mode & ~OTHERS)


def write_private(path: Path, text: str) -> None:
    """Replace the file at once, so that a reader sees the old text or the new."""
    draft = path.with_name(f"{path.name}.{os.getpid()}")
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, FILE), "w") as file:
        file.write(text)
    draft.replace(path)


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Wait for other processes of this machine; the lock ends with the process that holds it."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, FILE)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)
