"""Caddy with the configuration that the site ships, in front of a server of this machine."""

import os
import shutil
import sys
from pathlib import Path

from testservers.http import answers
from testservers.ports import free_port
from testservers.processes import Program
from testservers.project import ROOT

SHIPPED = ROOT / "deploy" / "Caddyfile"
# A package of the developers' carries one; Debian 12's is older than the configuration needs.
EXECUTABLE = shutil.which("caddy", path=str(Path(sys.executable).parent)) or shutil.which("caddy")


def configuration() -> str:
    """The shipped one without the administrator's port, which every Caddy would share."""
    return SHIPPED.read_text().replace("{\n\tservers {", "{\n\tadmin off\n\tservers {", 1)


def environment(folder: Path, *, site: str, web: str, stream: str) -> dict[str, str]:
    """What compose.yml gives it, and a folder for its own files."""
    return {
        "PATH": os.environ["PATH"],
        "HOME": str(folder),
        "SITE_NAME": site,
        "SITE_WEB": web,
        "SITE_STREAM": stream,
    }


class Caddy(Program):
    """Returns when the site answers through it. `url` is Caddy's own."""

    def __init__(self, folder: Path, site_port: int, stream_port: int = 1) -> None:
        if EXECUTABLE is None:
            raise FileNotFoundError("caddy is not installed")
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        file = folder / "Caddyfile"
        file.write_text(configuration())
        super().__init__(
            [EXECUTABLE, "run", "--config", str(file), "--adapter", "caddyfile"],
            log=folder / "caddy.log",
            cwd=folder,
            environment=environment(
                folder, site=self.url, web=f"127.0.0.1:{site_port}", stream=f"127.0.0.1:{stream_port}"
            ),
        )
        self.wait_until_up(lambda: answers(f"{self.url}/api/system/health"))
