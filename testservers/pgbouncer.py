"""pgbouncer in transaction mode before a PostgreSQL database, on a free port."""

import os
import pwd
import shutil
import socket
import tempfile
from pathlib import Path
from urllib.parse import unquote, urlsplit

from testservers.ports import free_port
from testservers.processes import Program

EXECUTABLE = shutil.which("pgbouncer") or shutil.which("pgbouncer", path="/usr/sbin:/usr/local/sbin")
NOBODY = "nobody"  # pgbouncer refuses root


class PgBouncer(Program):
    """Returns when it listens. `url` is the database's address through it; at most `connections` reach PostgreSQL."""

    def __init__(self, database: str, *, connections: int) -> None:
        if EXECUTABLE is None:
            raise FileNotFoundError("pgbouncer is not installed")
        # Not under pytest's tmp_path: the other user may not enter that.
        self._folder = folder = Path(tempfile.mkdtemp(prefix="test-pgbouncer-"))
        behind = urlsplit(database)
        name, user, password = behind.path.strip("/"), unquote(behind.username or ""), unquote(behind.password or "")
        self.port = free_port()
        self.url = f"postgres://{behind.netloc.rpartition('@')[0]}@127.0.0.1:{self.port}/{name}"
        (folder / "users.txt").write_text(f'"{user}" "{password}"\n')
        configuration = folder / "pgbouncer.ini"
        configuration.write_text(
            f"[databases]\n{name} = host={behind.hostname} port={behind.port or 5432} dbname={name}\n"
            f"[pgbouncer]\nlisten_addr = 127.0.0.1\nlisten_port = {self.port}\nunix_socket_dir =\n"
            f"auth_type = trust\nauth_file = {folder}/users.txt\n"
            f"pool_mode = transaction\ndefault_pool_size = {connections}\nmax_client_conn = 500\n"
        )
        command = [EXECUTABLE, str(configuration)]
        if os.geteuid() == 0:
            for path in (folder, *folder.iterdir()):
                os.chown(path, pwd.getpwnam(NOBODY).pw_uid, -1)
            command[1:1] = ["-u", NOBODY]
        super().__init__(command, log=folder / "log", cwd=folder, environment={})
        self.wait_until_up(self._listens)

    def stop(self) -> None:
        super().stop()
        shutil.rmtree(self._folder, ignore_errors=True)

    def _listens(self) -> bool:
        try:
            socket.create_connection(("127.0.0.1", self.port), timeout=5).close()
        except OSError:
            return False
        return True
