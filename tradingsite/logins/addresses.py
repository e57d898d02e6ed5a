"""The client's address: the peer's, or the one that a trusted proxy names."""

from collections.abc import Callable
from functools import lru_cache
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network

from django.conf import settings
from django.http import HttpRequest, HttpResponse

Handler = Callable[[HttpRequest], HttpResponse]

# Headers in which proxies describe a request. Any client can send them, too.
FORWARDED = (
    *("HTTP_X_FORWARDED_FOR", "HTTP_X_FORWARDED_PROTO", "HTTP_X_FORWARDED_HOST", "HTTP_X_FORWARDED_PORT"),
    *("HTTP_X_REAL_IP", "HTTP_FORWARDED"),
)
MAX_HOPS = 20  # addresses of X-Forwarded-For that are examined, from the last


def forwarded_headers(get_response: Handler) -> Handler:
    """Put the client's address into REMOTE_ADDR; remove what proxies send if the peer is none of TRUSTED_PROXIES."""

    def middleware(request: HttpRequest) -> HttpResponse:
        meta = request.META
        peer = meta.get("REMOTE_ADDR", "")
        if is_trusted(peer):
            meta["REMOTE_ADDR"] = client_of(peer, meta.get("HTTP_X_FORWARDED_FOR", ""))
        else:
            for name in FORWARDED:
                meta.pop(name, None)
        return get_response(request)

    return middleware


def client_of(peer: str, forwarded_for: str) -> str:
    """Return the last address that is not a trusted proxy's: each proxy appends the address of its own peer."""
    client = peer
    for hop in reversed(forwarded_for.rsplit(",", MAX_HOPS)[-MAX_HOPS:]):
        address = _parse(hop.strip())
        if address is None:
            return client
        client = str(address)
        if not is_trusted(client):
            return client
    return client


def is_trusted(peer: str) -> bool:
    return _is_in(peer, tuple(settings.TRUSTED_PROXIES))


@lru_cache(maxsize=1_000)
def _is_in(client: str, networks: tuple[str, ...]) -> bool:
    address = _parse(client)
    return address is not None and any(address in ip_network(network) for network in networks)


def network_of(client: str) -> str:
    """Return what counts as one client: the address, or for IPv6 the /64 network, which one subscriber has."""
    address = _parse(client)
    if isinstance(address, IPv6Address):
        return str(ip_network((address, 64), strict=False))
    return str(address or "unknown")


def _parse(text: str) -> IPv4Address | IPv6Address | None:
    try:
        address = ip_address(text[:50])
    except ValueError:
        return None
    return address.ipv4_mapped or address if isinstance(address, IPv6Address) else address
