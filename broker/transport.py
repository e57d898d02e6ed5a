"""One call over HTTP: pooled, with a timeout, its errors translated, reads tried twice."""

import logging
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, nullcontext
from typing import Any, Protocol

import requests
from requests.adapters import HTTPAdapter
from urllib3.exceptions import NewConnectionError

from broker import conf, meters
from broker.endpoints import CONNECT_TIMEOUT, Endpoint
from broker.errors import (
    BrokerAnswerUnclear,
    BrokerBusy,
    BrokerError,
    BrokerLoginRequired,
    BrokerTimeout,
    BrokerUnreachable,
)
from broker.limits import Limiter
from systemcache import timing

logger = logging.getLogger(__name__)
READ_TRIES = 2
PIECE = 64 * 1024  # bytes of a download

Ready = Callable[[], object]


def nothing() -> None:
    """For calls of which nobody needs to know when they are sent."""


class Transport(Protocol):
    """The seam for tests."""

    def call(
        self,
        endpoint: Endpoint,
        *,
        token: str | None = None,
        body: object = None,
        ready: Ready = nothing,
        **parts: str,
    ) -> Any:
        """The JSON that the broker answers. Raises BrokerError's children; never shows the token in one.

        `ready` is called when the call's turn has come, before anything is sent; its error stops the call.
        """

    def download(self, endpoint: Endpoint, **parts: str) -> Iterator[bytes]:
        """A public file in pieces as they come. Raises BrokerError's children, in the middle of it too."""


class HTTPTransport:
    """Over requests, with one pool of connections for the process. Without a `limiter` calls wait for no turn."""

    def __init__(self, base_url: str, *, limiter: Limiter | None = None, pool_size: int = 16) -> None:
        self._base_url = base_url
        self._limiter = limiter
        self._session = requests.Session()
        kind = _IPv4Adapter if conf.force_ipv4() else HTTPAdapter
        adapter = kind(pool_connections=2, pool_maxsize=pool_size, pool_block=True)
        self._session.mount("https://", adapter)
        self._session.mount("http://", adapter)
        self._session.trust_env = False  # no proxy, no .netrc: the token goes to the broker alone

    @meters.counted
    def call(
        self,
        endpoint: Endpoint,
        *,
        token: str | None = None,
        body: object = None,
        ready: Ready = nothing,
        **parts: str,
    ) -> Any:
        tries = READ_TRIES if endpoint.read else 1
        while True:
            tries -= 1
            try:
                return _content(self._in_turn(endpoint, token, body, ready, parts))
            except BrokerError as error:
                if not (error.retryable and tries):
                    raise
                logger.info("broker: %s failed and is asked once more: %s", endpoint.name, error)

    def download(self, endpoint: Endpoint, **parts: str) -> Iterator[bytes]:
        """A public file in pieces as they come, in its turn; one try, which begins with the first piece taken."""
        limit = endpoint.limit.format_map(parts)
        url = self._base_url + endpoint.path.format_map(parts)
        timeout = (CONNECT_TIMEOUT, endpoint.timeout)
        try:
            with self._turn(limit), timing.span("broker", endpoint.name):
                response = self._session.get(url, stream=True, timeout=timeout, allow_redirects=False)
            with response:
                self._heed(limit, response)
                _refuse_status(response)
                pieces = response.iter_content(PIECE)
                while piece := _next(pieces):
                    yield piece
        except requests.RequestException as error:
            raise translated(error, endpoint) from None

    def _in_turn(
        self, endpoint: Endpoint, token: str | None, body: object, ready: Ready, parts: dict[str, str]
    ) -> requests.Response:
        limit = endpoint.limit.format_map(parts)
        with self._turn(limit):
            ready()
            response = self._sent(endpoint, token, body, parts)
        self._heed(limit, response)
        return response

    def _turn(self, limit: str) -> AbstractContextManager[None]:
        return self._limiter.turn(limit) if self._limiter else nullcontext()

    def _heed(self, limit: str, response: requests.Response) -> None:
        """A 429 keeps all callers of its kind waiting, the next try of this one included."""
        if self._limiter and response.status_code == requests.codes.too_many_requests:
            self._limiter.pause(limit, _retry_after(response))

    def _sent(self, endpoint: Endpoint, token: str | None, body: object, parts: dict[str, str]) -> requests.Response:
        url = self._base_url + endpoint.path.format_map(parts)
        try:
            with timing.span("broker", endpoint.name):
                return self._session.request(
                    endpoint.method,
                    url,
                    json=body,
                    headers={"Authorization": f"Bearer {token}"} if token else {},
                    timeout=(CONNECT_TIMEOUT, endpoint.timeout),
                    allow_redirects=False,  # a redirect would carry the token elsewhere
                )
        except requests.RequestException as error:
            raise translated(error, endpoint) from None  # the cause may quote the request


def translated(error: requests.RequestException, endpoint: Endpoint) -> BrokerError:
    """requests' error as one of ours."""
    if isinstance(error, requests.ConnectTimeout):
        return BrokerUnreachable(f"no connection within {CONNECT_TIMEOUT:g} seconds", may_have_arrived=False)
    silent_midway = isinstance(error, requests.ConnectionError) and "ReadTimeoutError" in repr(error.args)
    if silent_midway or isinstance(error, requests.Timeout):
        return BrokerTimeout(endpoint.timeout)
    if isinstance(error, requests.exceptions.InvalidJSONError):
        return BrokerAnswerUnclear("not JSON")
    return BrokerUnreachable(type(error).__name__, may_have_arrived=not _never_connected(error))


def _never_connected(error: requests.RequestException) -> bool:
    """A refused connection, or a name that nobody knows: nothing was sent."""
    reason = getattr(error.args[0], "reason", None) if error.args else None
    return isinstance(reason, NewConnectionError)


def _content(response: requests.Response) -> Any:
    _refuse_status(response)
    try:
        return response.json()
    except (ValueError, RecursionError):
        raise BrokerAnswerUnclear("not JSON") from None


def _next(pieces: Iterator[bytes]) -> bytes:
    with timing.span("broker"):
        return next(pieces, b"")


def _refuse_status(response: requests.Response) -> None:
    if response.status_code == requests.codes.unauthorized:
        raise BrokerLoginRequired("The broker has ended the session")
    if response.status_code == requests.codes.too_many_requests:
        raise BrokerBusy(_retry_after(response))
    if response.status_code >= requests.codes.server_error:
        raise BrokerUnreachable(f"status {response.status_code}")
    if response.status_code != requests.codes.ok:
        raise BrokerAnswerUnclear(f"status {response.status_code}")


def _retry_after(response: requests.Response) -> int:
    """The header as whole seconds, a minute at the most; 1 when it is a date, or nonsense."""
    retry_after = response.headers.get("Retry-After")
    return min(int(retry_after[:9]), 60) if retry_after and retry_after.isdecimal() else 1


class _IPv4Adapter(HTTPAdapter):
    """Connects over IPv4: the broker's list of allowed addresses holds those, and its name has both (iifl_api §4.4)."""

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        # A socket bound to an IPv4 address cannot connect to an IPv6 one, so urllib3 goes on to the next address.
        super().init_poolmanager(*args, source_address=("0.0.0.0", 0), **kwargs)  # noqa: S104 - an end, not a listener
