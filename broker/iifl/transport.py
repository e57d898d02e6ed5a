"""HTTP calls to the broker: pooled connections, timeouts, translated errors, reads tried twice."""

import logging
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, nullcontext
from typing import Any, Protocol

import requests
from requests.adapters import HTTPAdapter
from urllib3.exceptions import NewConnectionError

from broker import conf
from broker.errors import (
    BrokerAnswerUnclear,
    BrokerBusy,
    BrokerError,
    BrokerLoginRequired,
    BrokerTimeout,
    BrokerUnreachable,
)
from broker.iifl import meters
from broker.iifl.endpoints import CONNECT_TIMEOUT, PLACE_ORDER, Endpoint
from broker.iifl.rate_limiter import Limiter
from systemcache import timing

logger = logging.getLogger(__name__)
READ_ATTEMPTS = 2
CHUNK_SIZE = 64 * 1024  # bytes of a download
READ_POOL_SIZE = 16  # connections
ORDER_POOL_SIZE = 64  # connections: more than the limits of the order routes let hang for their timeout

BeforeSend = Callable[[], object]


def noop() -> None:
    """Do nothing before a call is sent."""


class Transport(Protocol):
    """Makes the calls; tests put their own in its place."""

    def call(
        self,
        endpoint: Endpoint,
        *,
        token: str | None = None,
        body: object = None,
        before_send: BeforeSend = noop,
        **parts: str,
    ) -> Any:
        """Return the broker's JSON. Raises BrokerError, which never contains the token.

        `before_send` runs after the wait for the rate limit and before anything is sent; if it raises, nothing is sent.
        """

    def download(self, endpoint: Endpoint, **parts: str) -> Iterator[bytes]:
        """Stream a public file. Raises BrokerError, also between chunks."""


class HTTPTransport:
    """Calls through requests, with a connection pool, and one of their own for orders: they do not wait for reads that
    hang. Without a `limiter` calls are not rate limited.
    """

    def __init__(self, base_url: str, *, limiter: Limiter | None = None) -> None:
        self._base_url = base_url
        self._limiter = limiter
        self._session = requests.Session()
        adapter_class = _IPv4Adapter if conf.force_ipv4() else HTTPAdapter
        adapter = adapter_class(pool_connections=2, pool_maxsize=READ_POOL_SIZE, pool_block=True)
        self._session.mount("https://", adapter)
        self._session.mount("http://", adapter)
        orders = adapter_class(pool_connections=1, pool_maxsize=ORDER_POOL_SIZE, pool_block=True)
        self._session.mount(f"{base_url}{PLACE_ORDER.path}", orders)  # the longest prefix of an address counts
        self._session.trust_env = False  # no proxy and no .netrc: the token goes to the broker only

    @meters.count_calls
    def call(
        self,
        endpoint: Endpoint,
        *,
        token: str | None = None,
        body: object = None,
        before_send: BeforeSend = noop,
        **parts: str,
    ) -> Any:
        attempts = READ_ATTEMPTS if endpoint.read else 1
        while True:
            attempts -= 1
            try:
                response = self._send(endpoint, token, body, before_send, parts)
                _raise_for_status(response)
                return response.json()
            except BrokerError as error:
                if not (error.retryable and attempts):
                    raise
                logger.info("broker: %s failed, retrying: %s", endpoint.name, error)
            except (ValueError, RecursionError):
                raise BrokerAnswerUnclear("not JSON") from None

    def download(self, endpoint: Endpoint, **parts: str) -> Iterator[bytes]:
        """Stream a public file. There is one attempt, which starts when the first chunk is read."""
        limit = endpoint.limit.format_map(parts)
        url = self._base_url + endpoint.path.format_map(parts)
        timeout = (CONNECT_TIMEOUT, endpoint.timeout)
        try:
            with self._slot(limit, urgent=endpoint.urgent), timing.span("broker", endpoint.name):
                response = self._session.get(url, stream=True, timeout=timeout, allow_redirects=False)
            with response:
                self._apply_retry_after(limit, response)
                _raise_for_status(response)
                chunks = response.iter_content(CHUNK_SIZE)
                while True:
                    with timing.span("broker"):
                        chunk = next(chunks, b"")
                    if not chunk:
                        return
                    yield chunk
        except requests.RequestException as error:
            raise translate_error(error, endpoint) from None

    def _slot(self, limit: str, *, urgent: bool) -> AbstractContextManager[None]:
        return self._limiter.slot(limit, urgent=urgent) if self._limiter else nullcontext()

    def _apply_retry_after(self, limit: str, response: requests.Response) -> None:
        """Make every call under this limit wait after a 429, including the next attempt of this one."""
        if self._limiter and response.status_code == requests.codes.too_many_requests:
            self._limiter.pause(limit, _retry_after_seconds(response))

    def _send(
        self, endpoint: Endpoint, token: str | None, body: object, before_send: BeforeSend, parts: dict[str, str]
    ) -> requests.Response:
        limit = endpoint.limit.format_map(parts)
        with self._slot(limit, urgent=endpoint.urgent):
            before_send()
            try:
                with timing.span("broker", endpoint.name):
                    response = self._session.request(
                        endpoint.method,
                        self._base_url + endpoint.path.format_map(parts),
                        json=body,
                        headers={"Authorization": f"Bearer {token}"} if token else {},
                        timeout=(CONNECT_TIMEOUT, endpoint.timeout),
                        allow_redirects=False,  # a redirect would carry the token to another server
                    )
            except requests.RequestException as error:
                raise translate_error(error, endpoint) from None  # the cause may quote the request
        self._apply_retry_after(limit, response)
        return response


def translate_error(error: requests.RequestException, endpoint: Endpoint) -> BrokerError:
    """Translate an error of requests into one of ours."""
    if isinstance(error, requests.ConnectTimeout):
        return BrokerUnreachable(f"no connection within {CONNECT_TIMEOUT:g} seconds", may_have_arrived=False)
    silent_midway = isinstance(error, requests.ConnectionError) and "ReadTimeoutError" in repr(error.args)
    if silent_midway or isinstance(error, requests.Timeout):
        return BrokerTimeout(endpoint.timeout)
    if isinstance(error, requests.exceptions.InvalidJSONError):
        return BrokerAnswerUnclear("not JSON")
    reason = getattr(error.args[0], "reason", None) if error.args else None
    # Nothing was sent if the connection was refused or the name could not be resolved.
    return BrokerUnreachable(type(error).__name__, may_have_arrived=not isinstance(reason, NewConnectionError))


def _raise_for_status(response: requests.Response) -> None:
    if response.status_code == requests.codes.unauthorized:
        raise BrokerLoginRequired("The broker has ended the session")
    if response.status_code == requests.codes.too_many_requests:
        raise BrokerBusy(_retry_after_seconds(response))
    if response.status_code >= requests.codes.server_error:
        raise BrokerUnreachable(f"status {response.status_code}")
    if response.status_code != requests.codes.ok:
        raise BrokerAnswerUnclear(f"status {response.status_code}")


def _retry_after_seconds(response: requests.Response) -> int:
    """Read the header as whole seconds, at most 60; 1 if it is a date or malformed."""
    retry_after = response.headers.get("Retry-After")
    return min(int(retry_after[:9]), 60) if retry_after and retry_after.isdecimal() else 1


class _IPv4Adapter(HTTPAdapter):
    """Connects over IPv4: the broker allows IPv4 addresses, but its name resolves to both kinds (iifl_api §4.4)."""

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        # A socket bound to an IPv4 address cannot connect to an IPv6 one, so urllib3 tries the next address.
        super().init_poolmanager(*args, source_address=("0.0.0.0", 0), **kwargs)  # noqa: S104 - it binds outgoing connections # nosec B104
