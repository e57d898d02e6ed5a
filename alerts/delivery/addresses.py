"""Where webhooks may go: public addresses over https, and the networks that the operator allows.

Whoever may make an alert chooses the address, and this machine may reach what that person cannot: its own ports, the
local network, the cloud's metadata service. So each address that the name resolves to is checked, and the connection
goes to an address that was checked, whatever the name resolves to a moment later.
"""

import socket
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from typing import NamedTuple
from urllib.parse import SplitResult, urlsplit

from alerts import conf

Address = IPv4Address | IPv6Address
PORTS = {"https": 443, "http": 80}


class Target(NamedTuple):
    """A checked address to connect to, and what to ask of it."""

    scheme: str
    host: str
    port: int
    path: str
    address: str

    @property
    def host_header(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == PORTS[self.scheme] else f"{host}:{self.port}"


class RefusedAddress(Exception):
    """The message says why. Trying again does not help."""


class UnresolvedAddress(Exception):
    """The name cannot be resolved now."""


def check_address(url: str) -> str:
    """Say why an address is refused whatever its name resolves to; empty if nothing speaks against it."""
    try:
        parts = _split(url)
        literal = _literal(str(parts.hostname))
        if literal:
            _require_allowed(parts.scheme, [literal])
        elif parts.scheme == "http" and parts.hostname != "localhost":
            raise RefusedAddress("It must begin with https://.")
    except RefusedAddress as error:
        return str(error)
    return ""


def resolve(url: str) -> Target:
    """Return where to connect. Raises RefusedAddress, UnresolvedAddress."""
    parts = _split(url)
    host, port = str(parts.hostname), parts.port or PORTS[parts.scheme]
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise UnresolvedAddress(f"{host} cannot be resolved ({error})") from error
    addresses = [ip_address(str(entry[4][0]).partition("%")[0]) for entry in found]
    _require_allowed(parts.scheme, addresses)
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    return Target(parts.scheme, host, port, path, str(addresses[0]))


def _split(url: str) -> SplitResult:
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise RefusedAddress("Give an address such as https://example.com/alerts.") from None
    if parts.scheme not in PORTS or not parts.hostname or port == 0 or not url.isascii() or not url.isprintable():
        raise RefusedAddress("Give an address such as https://example.com/alerts.")
    if " " in url or "\\" in url:
        raise RefusedAddress("Give an address such as https://example.com/alerts.")
    if parts.username or parts.password:
        raise RefusedAddress("It must not contain a user name or a password.")
    return parts


def _literal(host: str) -> Address | None:
    try:
        return ip_address(host)
    except ValueError:
        return None


def _require_allowed(scheme: str, addresses: list[Address]) -> None:
    """Refuse a name as soon as one of its addresses is refused."""
    allowed = [ip_network(network) for network in conf.webhook_networks()]
    for address in map(_unmapped, addresses):
        is_listed = any(address in network for network in allowed if network.version == address.version)
        if not is_listed and (not address.is_global or address.is_multicast):
            raise RefusedAddress(f"{address} is not a public address; ALERT_WEBHOOK_NETWORKS can allow it.")
        if scheme == "http" and not address.is_loopback:
            raise RefusedAddress("It must begin with https://.")


def _unmapped(address: Address) -> Address:
    """Return the IPv4 address inside an IPv6 one (::ffff:10.0.0.1, 6to4, NAT64): that is what is reached."""
    if not isinstance(address, IPv6Address):
        return address
    if address.ipv4_mapped or address.sixtofour:
        return address.ipv4_mapped or address.sixtofour or address
    if address in ip_network("64:ff9b::/96"):
        return IPv4Address(int(address) & 0xFFFFFFFF)
    return address
