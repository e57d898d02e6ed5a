"""What REDIS_URL may be, beyond what redis-py reads itself: the address of a Redis that Sentinel names.

redis+sentinel://user:password@host1:26379,host2:26379/SERVICE/DB, where user and password are Redis's own.
"""

import re
from dataclasses import dataclass
from urllib.parse import unquote, urlsplit

SENTINEL_SCHEME = "redis+sentinel"
SCHEMES = ("redis", "rediss", "unix", SENTINEL_SCHEME)
SENTINEL_PORT = 26_379
HOST_AND_PORT = re.compile(r"(?:\[(?P<six>[0-9A-Fa-f:.]+)\]|(?P<host>[A-Za-z0-9_.-]+))(?::(?P<port>\d{1,5}))?")


@dataclass(frozen=True)
class SentinelURL:
    """`sentinels`: host and port of each. Empty user and password: none."""

    sentinels: tuple[tuple[str, int], ...]
    service: str
    database: int
    username: str
    password: str


def is_sentinel(url: str) -> bool:
    return url.startswith(f"{SENTINEL_SCHEME}://")


def parse_sentinel(url: str) -> SentinelURL:
    """Raises ValueError, whose text continues "REDIS_URL must" and quotes nothing: the address may hold a password."""
    parts = urlsplit(url)
    credentials, _, hosts = parts.netloc.rpartition("@")
    username, _, password = credentials.partition(":")
    service, _, database = parts.path.strip("/").partition("/")
    if not service:
        raise ValueError("name Sentinel's service after the hosts: redis+sentinel://host1,host2/SERVICE/0")
    if not re.fullmatch(r"\d{0,4}", database) or parts.query or parts.fragment:
        raise ValueError("end in the number of a database: redis+sentinel://host1,host2/SERVICE/0")
    found = tuple(map(_host_and_port, hosts.split(",")))
    return SentinelURL(found, unquote(service), int(database or 0), unquote(username), unquote(password))


def _host_and_port(text: str) -> tuple[str, int]:
    match = HOST_AND_PORT.fullmatch(text.strip())
    port = int((match and match["port"]) or SENTINEL_PORT)
    if match is None or not 0 < port < 65_536:
        raise ValueError(
            "list Sentinel's hosts, separated by commas: redis+sentinel://host1:26379,host2:26379/SERVICE/0"
        )
    return match["six"] or match["host"], port
