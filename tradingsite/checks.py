"""System checks of the machine that the site runs on."""

import stat
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core import checks
from django.core.checks import CheckMessage
from django.core.checks import Warning as CheckWarning

from tradingsite.private_files import OTHERS


def register() -> None:
    checks.register(check_private_files, checks.Tags.security)


def check_private_files(app_configs: Sequence[Any] | None, **kwargs: object) -> list[CheckMessage]:
    """What other users of the machine could read: sessions, password hashes, keys."""
    return [
        CheckWarning(
            f"Other users of this machine can read {path}.",
            hint=f"chmod go-rwx {path}; if it is another user's, run the site as that user.",
            id="tradingsite.W001",
        )
        for path in _private_paths()
        if stat.S_IMODE(path.stat().st_mode) & OTHERS and not _is_in_private_folder(path)
    ]


def _private_paths() -> Iterator[Path]:
    database = settings.DATABASES["default"]
    paths = [settings.VAR_DIR, settings.BASE_DIR / ".env"]
    if database["ENGINE"].endswith("sqlite3"):
        paths += [Path(f"{database['NAME']}{suffix}") for suffix in ("", "-wal", "-shm")]
    return (path for path in paths if path.exists())


def _is_in_private_folder(path: Path) -> bool:
    """Others cannot reach a file below a folder that they may not enter."""
    return any(not stat.S_IMODE(parent.stat().st_mode) & OTHERS for parent in path.absolute().parents)
