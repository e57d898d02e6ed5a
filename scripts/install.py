"""Make, complete or repair .venv: `install.py FILE …` installs these requirements files into it.

`make` calls it before each target that needs .venv, so it returns at once if nothing has changed. It runs under the
Python that scripts/find-python.sh has found, with the standard library alone. A failure is one sentence.
"""

import fcntl
import hashlib
import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
VENV = ROOT / ".venv"
PYTHON = VENV / "bin" / "python"
# Written after a complete installation only: without it .venv is half made, and is made again.
STAMP = VENV / "installed.json"
LOG = VENV / "install.log"
LOCK = ROOT / ".venv.lock"

NO_NETWORK = re.compile(
    r"NewConnectionError|NameResolutionError|ConnectTimeout|ReadTimeout|Read timed out|ProxyError|Max retries exceeded"
    r"|Connection (refused|reset|aborted)|Network is unreachable|name resolution|IncompleteRead"
)
NOT_TRUSTED = re.compile(r"CERTIFICATE_VERIFY_FAILED|SSLError")
NO_ROOM = re.compile(r"\[Errno 28\]|No space left on device")
NOT_WRITABLE = re.compile(r"\[Errno (13|30)\]|Permission denied|Read-only file system")


class InstallError(Exception):
    """Its text is one sentence that says what to do."""


def main(names: Sequence[str]) -> None:
    wanted = {name: hashlib.sha256((ROOT / name).read_bytes()).hexdigest() for name in names}
    if is_ready(wanted):
        return
    with locked() as lock:
        if is_ready(wanted):  # another process has done it meanwhile
            return
        installed = read_stamp()
        if installed is None or not runs():
            make_venv(lock)
            installed = {}
        install(names, lock)
        write_stamp(installed | wanted)


def is_ready(wanted: dict[str, str]) -> bool:
    installed = read_stamp()
    return installed is not None and wanted.items() <= installed.items() and runs()


def read_stamp() -> dict[str, str] | None:
    """Checksums by requirements file; None if .venv is missing or half made, or was made for another folder."""
    try:
        stamp = json.loads(STAMP.read_text())
        return dict(stamp["files"]) if stamp["folder"] == str(ROOT) else None
    except (OSError, ValueError, TypeError, KeyError):
        return None


def write_stamp(files: dict[str, str]) -> None:
    draft = STAMP.with_suffix(".new")
    draft.write_text(json.dumps({"folder": str(ROOT), "files": files}))
    draft.replace(STAMP)


def runs() -> bool:
    """False if the Python of .venv has been removed, or upgraded to one that looks for packages elsewhere."""
    with suppress(OSError):
        return subprocess.run([PYTHON, "-c", "import pip"], capture_output=True, check=False).returncode == 0
    return False


@contextmanager
def locked() -> Iterator[int]:
    """One process at a time; the programs started here inherit the lock, so that it outlives a killed `make`."""
    lock = os.open(LOCK, os.O_RDWR | os.O_CREAT, 0o644)
    try:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say("Waiting for another make, which is installing into .venv.")
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield lock
    finally:
        os.close(lock)


def make_venv(lock: int) -> None:
    if VENV.is_symlink() and VENV.is_dir():
        raise InstallError(
            f".venv is a link to {VENV.resolve()}, which may be another project's and is left alone; remove the link, "
            "and make will make a .venv here."
        )
    if VENV.exists() or VENV.is_symlink():
        say(".venv is incomplete, or its Python is gone: making it again.")
    if not VENV.is_dir():
        VENV.unlink(missing_ok=True)
    say(f"Making .venv with Python {sys.version.split()[0]}.")
    code, output = run([sys.executable, "-m", "venv", "--clear", str(VENV)], lock)
    if code:
        raise InstallError(
            explanation(output)
            or f"{sys.executable} cannot make a virtual environment ({last_words(output)}); name another Python: "
            "make run PYTHON=/path/to/python3"
        )


def install(names: Sequence[str], lock: int) -> None:
    say(f"Installing {' and '.join(names)} into .venv; the first time takes a minute or two.")
    before = STAMP.read_text() if STAMP.exists() else None
    STAMP.unlink(missing_ok=True)
    command = [str(PYTHON), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-input"]
    command += ["--require-hashes"]  # a package is what it was when it was pinned, whatever the index has by now
    for name in names:
        command += ["-r", str(ROOT / name)]
    code, output = run(command, lock)
    if code:
        LOG.write_text(output)
        if before is not None:  # pip has ended in order, so .venv is what it was, or has a part of what is wanted
            STAMP.write_text(before)
        raise InstallError(
            explanation(output)
            or f"pip cannot install the packages with Python {sys.version.split()[0]} ({last_words(output)}); "
            ".venv/install.log says more."
        )


def run(command: Sequence[str], lock: int) -> tuple[int, str]:
    """The exit code and the output."""
    done = subprocess.run(
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        env={**os.environ, "PIP_USER": "0"},  # in a pip.conf it may be 1, which pip refuses in a venv
        pass_fds=[lock],
        check=False,
    )
    return done.returncode, done.stdout


def explanation(output: str) -> str | None:
    """What to do about a failure that has a usual cause."""
    if NO_ROOM.search(output):
        return f"The disk is full: .venv needs about 600 MB in {ROOT}; make room and try again."
    if NOT_WRITABLE.search(output):
        return f"This user cannot write to {ROOT}; use a copy of your own, or take it over with sudo chown -R."
    if NOT_TRUSTED.search(output):
        return "The packages cannot be downloaded, because pip does not trust the server's certificate; see PIP_CERT."
    if NO_NETWORK.search(output):
        return (
            "The packages cannot be downloaded, because the package index does not answer; check the network, or the "
            "proxy or mirror in pip's configuration, and try again."
        )
    return None


def last_words(output: str) -> str:
    errors = re.findall(r"^(?:ERROR|Error): (.+)", output, re.MULTILINE)
    return (errors or output.strip().splitlines() or ["it gives no reason"])[-1].rstrip(".")


def say(text: str) -> None:
    print(text, flush=True)


if __name__ == "__main__":
    try:
        main(sys.argv[1:])
    except InstallError as error:
        sys.exit(str(error))
    except OSError as error:
        sys.exit(explanation(str(error)) or f"The packages cannot be installed: {error}.")
    except KeyboardInterrupt:
        sys.exit("Interrupted; the next make starts over.")
