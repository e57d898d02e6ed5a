"""nginx with the configuration that the site ships, in front of the site's servers."""

import os
import shutil
from collections.abc import Sequence
from pathlib import Path

from testservers.http import answers
from testservers.ports import free_port
from testservers.processes import Program
from testservers.project import ROOT

SHIPPED = ROOT / "deploy" / "nginx.conf"
# Debian keeps it where only root looks.
EXECUTABLE = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin:/usr/local/sbin")
# What a machine of its own would have, and a test has not: a user, port 443, a certificate, folders of the system.
LEFT_OUT = ("user ", "pid ", "ssl_", "error_log ", "return 301 ")


def configuration(
    folder: Path, port: int, site_port: int, stream_port: int = 1, hosts: Sequence[str] = ("127.0.0.1",)
) -> str:
    """The shipped one with other hosts, ports and folders, without TLS, and with the host that answered in a header."""
    lines = []
    for line in SHIPPED.read_text().splitlines():
        text = line.strip()
        if text.startswith("listen 80 "):
            lines.append(f"listen 127.0.0.1:{free_port()};")
        elif text.startswith("listen 443 "):
            lines.append(f"listen 127.0.0.1:{port} default_server backlog=4096;")
        elif text.startswith("server 127.0.0.1:8000;"):
            lines += [f"server {host}:{site_port};" for host in hosts]
        elif text.startswith("server 127.0.0.1:8001;"):
            lines += [f"server {host}:{stream_port};" for host in hosts]
        elif text == "http {":
            places = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
            lines += [line, *(f"{place}_temp_path {folder}/{place};" for place in places)]
            lines.append("add_header X-Upstream $upstream_addr always;")
        elif not text.startswith(LEFT_OUT):
            lines.append(line)
    if os.geteuid() == 0:  # its workers would be another user, who cannot write to the folder
        lines.insert(0, "user root;")
    return "\n".join([f"pid {folder}/nginx.pid;", "error_log stderr warn;", "daemon off;", *lines])


class Nginx(Program):
    """Returns when the site answers through it. `url` is nginx's own."""

    def __init__(
        self, folder: Path, site_port: int, stream_port: int = 1, hosts: Sequence[str] = ("127.0.0.1",)
    ) -> None:
        if EXECUTABLE is None:
            raise FileNotFoundError("nginx is not installed")
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        file = folder / "nginx.conf"
        file.write_text(configuration(folder, self.port, site_port, stream_port, hosts))
        super().__init__(
            [EXECUTABLE, "-p", str(folder), "-c", str(file)], log=folder / "nginx.log", cwd=folder, environment={}
        )
        self.wait_until_up(lambda: answers(f"{self.url}/api/system/health"))
