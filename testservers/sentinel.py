"""A primary with replicas, watched by sentinels, all real and on free ports."""

import shutil
import signal
import subprocess
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from redis import Redis, RedisError

from testservers.ports import free_port
from testservers.redis_server import RedisServer
from testservers.stopping import StopsAtExit
from tradingsite.embedded_redis import die_with_parent

SERVICE = "site"
QUORUM = 2
DOWN_AFTER = 1000  # milliseconds without an answer after which a sentinel takes the primary for down
FAILOVER_TIMEOUT = 10_000  # milliseconds until another sentinel may try it again
PATIENCE = 60.0
PASSWORD = "of-the-sentinels"  # noqa: S105 - of servers that live as long as a test


class Sentinel:
    """Starts at once. Start it from the main thread: it ends with the thread that started it."""

    def __init__(self, directory: Path, primary: tuple[str, int], *, host: str = "127.0.0.1") -> None:
        directory.mkdir(parents=True)
        self.host, self.port, self.log = host, free_port(), directory / "sentinel.log"
        self._configuration = directory / "sentinel.conf"
        self._configuration.write_text(
            f"port {self.port}\nbind {host}\ndir {directory}\nprotected-mode no\n"
            f"requirepass {PASSWORD}\nsentinel sentinel-pass {PASSWORD}\n"
            f"sentinel monitor {SERVICE} {primary[0]} {primary[1]} {QUORUM}\n"
            f"sentinel down-after-milliseconds {SERVICE} {DOWN_AFTER}\n"
            f"sentinel failover-timeout {SERVICE} {FAILOVER_TIMEOUT}\n"
        )
        self.start()

    def start(self) -> None:
        """Again, with what it knew when it was stopped."""
        program = shutil.which("redis-sentinel")
        if program is None:
            raise FileNotFoundError("redis-sentinel is not installed")
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [program, str(self._configuration)], stdout=log, stderr=log, preexec_fn=die_with_parent(signal.SIGKILL)
            )

    def client(self) -> Redis:
        return Redis(self.host, self.port, password=PASSWORD, socket_timeout=5)

    def stop(self) -> None:
        self.process.kill()
        self.process.wait()


class SentinelService(StopsAtExit):
    """Returns when every sentinel knows the others and the replicas. Start it from the main thread."""

    def __init__(self, directory: Path, *, replicas: int = 2, sentinels: int = 3) -> None:
        self.servers: list[RedisServer] = []
        self.sentinels: list[Sentinel] = []
        try:
            self.servers = [RedisServer(directory / f"redis-{number}") for number in range(1 + replicas)]
            primary = self.servers[0]
            for replica in self.servers[1:]:
                with Redis.from_url(replica.url) as client:
                    client.replicaof("127.0.0.1", primary.port)
            self.sentinels = [
                Sentinel(directory / f"sentinel-{number}", ("127.0.0.1", primary.port)) for number in range(sentinels)
            ]
            self._wait(lambda: all(self._knows_all(sentinel) for sentinel in self.sentinels))
        except BaseException:  # also KeyboardInterrupt: nobody else would stop it
            self.stop()
            raise

    @property
    def url(self) -> str:
        hosts = ",".join(f"127.0.0.1:{sentinel.port}" for sentinel in self.sentinels)
        return f"redis+sentinel://{hosts}/{SERVICE}/0"

    @property
    def primary(self) -> RedisServer:
        """The one that the sentinels that live name."""
        for sentinel in self.sentinels:
            if sentinel.process.poll() is None:
                with sentinel.client() as client:
                    port = int(client.execute_command("SENTINEL", "GET-MASTER-ADDR-BY-NAME", SERVICE)[1])
                return next(server for server in self.servers if server.port == port)
        raise RuntimeError("no sentinel lives")

    def wait_for_another_primary(self, former: RedisServer) -> RedisServer:
        """The promoted server, once it takes writes."""
        self._wait(lambda: self.primary is not former and self._takes_writes(self.primary))
        return self.primary

    def stop(self) -> None:
        for sentinel in self.sentinels:
            sentinel.stop()
        for server in self.servers:
            server.stop()

    def _knows_all(self, sentinel: Sentinel) -> bool:
        with sentinel.client() as client:
            found = client.sentinel_master(SERVICE)
        return (
            int(found["num-slaves"]) == len(self.servers) - 1
            and int(found["num-other-sentinels"]) == len(self.sentinels) - 1
        )

    @staticmethod
    def _takes_writes(server: RedisServer) -> bool:
        with Redis.from_url(server.url) as client:
            return bool(client.info("replication")["role"] == "master")

    @staticmethod
    def _wait(holds: Callable[[], bool]) -> None:
        deadline = time.monotonic() + PATIENCE
        while True:
            with suppress(RedisError, OSError):
                if holds():
                    return
            if time.monotonic() > deadline:
                raise TimeoutError(f"not within {PATIENCE:g} s")
            time.sleep(0.05)
