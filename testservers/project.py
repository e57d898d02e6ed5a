"""Copies of the project, so that a site can run with a var/ of its own."""

import shutil
import subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
# What a copy without git leaves behind: what is made, not written.
MADE = shutil.ignore_patterns(".*_cache", "__pycache__", ".venv", ".hypothesis", ".git", ".env", "var")


def files() -> list[Path]:
    """The project's files, relative to its root: what git tracks or would; all but what is made where git is absent."""
    command = ["git", "ls-files", "-co", "--exclude-standard", "-z"]
    try:
        listed = subprocess.run(command, cwd=ROOT, capture_output=True, check=True, timeout=30).stdout.decode()
    except (OSError, subprocess.CalledProcessError):
        return [path.relative_to(ROOT) for path in ROOT.rglob("*") if path.is_file() and not _is_made(path)]
    return [Path(name) for name in listed.split("\0") if name and (ROOT / name).is_file()]


def _is_made(path: Path) -> bool:
    return any(MADE("", [part]) for part in path.relative_to(ROOT).parts)


def copy_to(folder: Path) -> Path:
    """A copy without tests in `folder`, which is made."""
    for name in files():
        if name.parts[0] != "tests":
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, folder / name)
    return folder
