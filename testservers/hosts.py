"""The site on several machines: on each a web server, a stream, a feed, a Redis and a sentinel; a database on its own.

The proxy, the broker's simulator and whoever calls are on the network's edge.
"""

import os
import re
import signal
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from datetime import datetime
from pathlib import Path

import requests
from redis import Redis, RedisError

from broker.simulator import Simulator, SimulatorOptions, StreamOptions
from testservers.network import NETWORK, Network
from testservers.nginx import Nginx
from testservers.postgres import PostgresServer, own_database
from testservers.processes import PATIENCE, Program, children_of, is_running
from testservers.project import ROOT
from testservers.redis_server import NOTHING_ON_DISK, RedisServer
from testservers.sentinel import PASSWORD, SERVICE, Sentinel
from testservers.stopping import StopsAtExit
from testservers.stream_server import StreamProcess
from testservers.web_server import WebServer, manage, prepare

WEB_PORT, STREAM_PORT = 8000, 8001
WORKERS, THREADS = 2, 16
REACHED_BY_ALL = ("--bind", "0.0.0.0", "--protected-mode", "no")  # noqa: S104 - in a namespace of its own
DECISION = re.compile(rf"^\d+:X (.*\d) # \+switch-master {SERVICE} \S+ \d+ (\S+) (\d+)$", re.MULTILINE)
# What limits orders is not the subject: they wait far from the market.
LIMITLESS = """
from watchlist.models import TradingSetting
TradingSetting.objects.filter(key__in=("max_daily_loss", "max_positions")).delete()
"""


class Host(StopsAtExit):
    """One machine. Its web server, stream and feed start with `start_site`."""

    def __init__(self, network: Network, name: str, folder: Path) -> None:
        self.name, self.address = name, network.address(name)
        self._network, self._folder = network, folder / name
        self._folder.mkdir()
        self.project = ROOT
        self.environment: dict[str, str] = {}
        self.sentinel: Sentinel | None = None
        self._site: dict[str, Program] = {}
        with network.inside(name):
            self.redis = RedisServer(self._folder / "redis", *NOTHING_ON_DISK, *REACHED_BY_ALL)

    def redis_client(self) -> Redis:
        return Redis(self.address, self.redis.port, socket_timeout=2, socket_connect_timeout=2)

    def start_sentinel(self, primary: "Host") -> None:
        with self._network.inside(self.name):
            self.sentinel = Sentinel(
                self._folder / "sentinel", (primary.address, primary.redis.port), host=self.address
            )

    def restart_redis(self) -> None:
        with self._network.inside(self.name):
            self.redis.restart()

    def restart_sentinel(self) -> None:
        assert self.sentinel
        with self._network.inside(self.name):
            self.sentinel.start()

    @property
    def url(self) -> str:
        return f"http://{self.address}:{WEB_PORT}"

    @property
    def programs(self) -> Sequence[str]:
        return ("web", "stream", "feed")

    def start_site(self) -> None:
        for name in self.programs:
            self.start(name, wait=False)
        for name in self.programs:
            self.wait_for(name)

    def start(self, name: str, *, wait: bool = True) -> None:
        """One of `programs`, in the version of `project`."""
        folder = self._folder / f"{name}-{time.monotonic_ns()}"
        folder.mkdir()
        environment = {**self.environment, "PORT": str(WEB_PORT)}
        with self._network.inside(self.name):
            if name == "web":
                self._site[name] = WebServer(
                    folder,
                    environment,
                    workers=WORKERS,
                    threads=THREADS,
                    wait=False,
                    host=self.address,
                    port=WEB_PORT,
                    project=self.project,
                    options=("--respawn-failed-workers",),
                )
            elif name == "stream":
                self._site[name] = StreamProcess(
                    folder,
                    environment,
                    host=self.address,
                    port=STREAM_PORT,
                    project=self.project,
                    wait=False,
                )
            else:
                self._site[name] = Program(
                    [sys.executable, "manage.py", "runfeed"],
                    log=folder / "feed.log",
                    cwd=self.project,
                    environment={**os.environ, **environment},
                )
        if wait:
            self.wait_for(name)

    def wait_for(self, name: str) -> None:
        program = self._site[name]
        if isinstance(program, WebServer | StreamProcess):
            with self._network.inside(self.name):
                program.wait_until_it_answers()

    def pids(self, name: str) -> list[int]:
        """Of a program and its workers."""
        return [self._site[name].pid, *children_of(self._site[name].pid)]

    @property
    def workers(self) -> list[int]:
        """The processes that answer requests."""
        return children_of(self._site["web"].pid)

    def kill(self, name: str) -> None:
        """SIGKILL for all of it, at once."""
        for pid in self.pids(name):
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self._site[name].stop()

    def stop_politely(self, name: str) -> None:
        self._site[name].stop()

    def output(self) -> str:
        """The logs of all its programs, also of those that have ended."""
        return "\n".join(file.read_text(errors="replace") for file in sorted(self._folder.glob("*-*/*.log")))

    def stop(self) -> None:
        for program in self._site.values():
            for pid in (program.pid, *children_of(program.pid)):
                if is_running(pid):
                    os.kill(pid, signal.SIGCONT)
            program.stop()
        if self.sentinel:
            self.sentinel.stop()
        self.redis.stop()


class Site:
    """All hosts, behind nginx at `url`."""

    def __init__(self, network: Network, hosts: Sequence[Host], simulator: Simulator, database: str) -> None:
        self.network, self.hosts, self.simulator, self.database = network, hosts, simulator, database
        self.token = self.url = ""

    def host(self, name: str) -> Host:
        return next(host for host in self.hosts if host.name == name)

    @property
    def primary(self) -> Host:
        """The one that most sentinels name; the first sentinel's if they differ. Raises RuntimeError."""
        named: list[str] = []
        for host in self.hosts:
            with suppress(RedisError, OSError):
                assert host.sentinel
                with Redis(
                    host.address, host.sentinel.port, password=PASSWORD, socket_timeout=1, socket_connect_timeout=1
                ) as client:
                    found = client.execute_command("SENTINEL", "GET-MASTER-ADDR-BY-NAME", SERVICE)
                    named.append(found[0].decode())
        if not named:
            raise RuntimeError("no sentinel answers")
        most = max(named, key=named.count)
        return next(host for host in self.hosts if host.address == most)

    def is_whole(self) -> bool:
        """Whether all sentinels name one primary that the others follow."""
        try:
            primary = self.primary
            for host in self.hosts:
                with host.redis_client() as client:
                    found = client.info("replication")
                if host is primary:
                    if found["role"] != "master" or int(found["connected_slaves"]) != len(self.hosts) - 1:
                        return False
                elif (
                    found["role"] != "slave"
                    or found["master_host"] != primary.address
                    or found["master_link_status"] != "up"
                ):
                    return False
        except (RedisError, OSError, RuntimeError):
            return False
        return True

    def is_cached(self, host: Host) -> bool:
        """Whether this read of a machine came from Redis."""
        try:
            answer = self._get(f"{host.url}/api/settings")
        except requests.RequestException:
            return False
        return answer.headers.get("X-Cache") == "hit"

    def order_book(self) -> list[dict[str, str]]:
        """The broker's orders, as the site shows them."""
        found: list[dict[str, str]] = self._get(f"{self.url}/api/broker/orders").json()["data"]
        return found

    def _get(self, url: str) -> requests.Response:
        return requests.get(url, headers={"Authorization": f"Token {self.token}"}, timeout=5)

    def decisions(self) -> list[tuple[float, str]]:
        """When the first sentinel of all named each new primary (by the system's clock), and its address."""
        said = sorted(
            (datetime.strptime(text, "%d %b %Y %H:%M:%S.%f").timestamp(), address)  # noqa: DTZ007 - local, as it logs
            for host in self.hosts
            if host.sentinel
            for text, address, _ in DECISION.findall(host.sentinel.log.read_text())
        )
        first: list[tuple[float, str]] = []
        for at, address in said:
            if not first or address != first[-1][1]:
                first.append((at, address))
        return first


@contextmanager
def running_site(folder: Path, names: Sequence[str] = ("h1", "h2", "h3"), **variables: str) -> Iterator[Site]:
    """Call it from the main thread, which is on the network's edge meanwhile."""
    with ExitStack() as running:
        network = running.enter_context(Network([*names, "db"]))
        stream = StreamOptions(interval=0.2)
        simulator = running.enter_context(Simulator(SimulatorOptions(port=0, limits=False, replay=True, stream=stream)))
        network.forward(
            [int(url.rpartition(":")[2].partition("/")[0]) for url in (simulator.base_url, simulator.stream_url)]
        )
        with network.inside("db"):
            postgres = running.enter_context(PostgresServer(address=network.address("db"), network=f"{NETWORK}.0/24"))
        database = running.enter_context(own_database(postgres.url, "hosts"))
        hosts = [running.enter_context(Host(network, name, folder)) for name in names]
        _replicate(hosts)
        for host in hosts:
            host.start_sentinel(hosts[0])
        site = Site(network, hosts, simulator, database)
        _wait(site.is_whole)
        environment = _environment(site, variables)
        site.token = prepare(environment)
        manage("shell", "--no-imports", "-c", LIMITLESS, environment=environment)
        for host in hosts:
            host.environment = environment
            host.start_site()
        addresses = [host.address for host in hosts]
        site.url = running.enter_context(Nginx(folder, WEB_PORT, STREAM_PORT, addresses)).url
        yield site


def _environment(site: Site, variables: Mapping[str, str]) -> dict[str, str]:
    sentinels = ",".join(f"{host.address}:{host.sentinel.port}" for host in site.hosts if host.sentinel)
    return {
        "DJANGO_SETTINGS_MODULE": "tradingsite.settings",
        "DJANGO_SECRET_KEY": "several-hosts-" + "x" * 50,
        "DJANGO_ALLOWED_HOSTS": ",".join(site.network.address(name) for name in site.network.names),
        "TRUSTED_PROXIES": site.network.address("edge"),
        "DATABASE_URL": site.database,
        "DATABASE_POOL": "5",
        "REDIS_URL": f"redis+sentinel://{sentinels}/{SERVICE}/0",
        "REDIS_SENTINEL_PASSWORD": PASSWORD,
        "IIFL_BASE_URL": site.simulator.base_url,
        "IIFL_STREAM_URL": site.simulator.stream_url,
        "IIFL_PROCESSES": str(len(site.hosts) * (WORKERS + 2)),
        "TRADING_ENABLED": "true",
        "ORDER_PRICE_BAND": "100",
        "ORDER_MAX_PER_DAY": "1000000",
        "MALLOC_ARENA_MAX": "2",
        **variables,
    }


def _replicate(hosts: Sequence[Host]) -> None:
    for replica in hosts[1:]:
        with replica.redis_client() as client:
            client.replicaof(hosts[0].address, hosts[0].redis.port)


def _wait(holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE
    while not holds():
        if time.monotonic() > deadline:
            raise TimeoutError(f"not within {PATIENCE:g} s")
        time.sleep(0.1)
