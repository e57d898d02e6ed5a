"""One call over HTTP: pooled, with a timeout, its errors translated, reads tried twice."""

import logging
import time
from collections.abc import Callable
from typing import Any, Protocol

import requests
from requests.adapters import HTTPAdapter

from broker.endpoints import CONNECT_TIMEOUT, Endpoint
from broker.errors import (
    BrokerAnswerUnclear,
    BrokerBusy,
    BrokerError,
    BrokerLoginRequired,
    BrokerTimeout,
    BrokerUnreachable,
)
from systemcache import timing

logger = logging.getLogger(__name__)
READ_TRIES = 2
LONGEST_PAUSE = 1.0  # seconds between the two; the broker counts its calls by the second


class Transport(Protocol):
    """The seam for tests."""

    def call(self, endpoint: Endpoint, *, token: str | None = None, body: object = None, **parts: str) -> Any:
        """The JSON that the broker answers. Raises BrokerError's children; never shows the token in one."""


class HTTPTransport:
    """Over requests, with one pool of connections for the process."""

    def __init__(self, base_url: str, *, pool_size: int = 16, sleep: Callable[[float], object] = time.sleep) -> None:
        self._base_url = base_url
        self._sleep = sleep
        self._session = requests.Session()
        adapter = _IPv4Adapter(pool_connections=2, pool_maxsize=pool_size, pool_block=True)
        self._session.mount("https://", adapter)
        self._session.mount("http://", adapter)
        self._session.trust_env = False  # no proxy, no .netrc: the token goes to the broker alone

    def call(self, endpoint: Endpoint, *, token: str | None = None, body: object = None, **parts: str) -> Any:
        tries = READ_TRIES if endpoint.read else 1
        while True:
            tries -= 1
            try:
                return self._once(endpoint, token, body, parts)
            except BrokerError as error:
                if not (error.retryable and tries):
                    raise
                logger.info("broker: %s failed and is asked once more: %s", endpoint.name, error)
                if isinstance(error, BrokerBusy):
                    with timing.span("limiter"):
                        self._sleep(min(error.retry_after or 0, LONGEST_PAUSE))

    def _once(self, endpoint: Endpoint, token: str | None, body: object, parts: dict[str, str]) -> Any:
        url = self._base_url + endpoint.path.format_map(parts)
        try:
            with timing.span("broker"):
                response = self._session.request(
                    endpoint.method,
                    url,
                    json=body,
                    headers={"Authorization": f"Bearer {token}"} if token else {},
                    timeout=(CONNECT_TIMEOUT, endpoint.timeout),
                    allow_redirects=False,  # a redirect would carry the token elsewhere
                )
        except requests.RequestException as error:
            raise translated(error, endpoint) from None  # the cause may quote the request
        return _content(response)


def translated(error: requests.RequestException, endpoint: Endpoint) -> BrokerError:
    """requests' error as one of ours."""
    if isinstance(error, requests.ConnectTimeout):
        return BrokerUnreachable(f"no connection within {CONNECT_TIMEOUT:g} seconds")
    if isinstance(error, requests.Timeout):
        return BrokerTimeout(endpoint.timeout)
    if isinstance(error, requests.exceptions.InvalidJSONError):
        return BrokerAnswerUnclear("not JSON")
    return BrokerUnreachable(type(error).__name__)


def _content(response: requests.Response) -> Any:
    if response.status_code == requests.codes.unauthorized:
        raise BrokerLoginRequired("The broker has ended the session")
    if response.status_code == requests.codes.too_many_requests:
        raise BrokerBusy(_seconds(response.headers.get("Retry-After")))
    if response.status_code >= requests.codes.server_error:
        raise BrokerUnreachable(f"status {response.status_code}")
    if response.status_code != requests.codes.ok:
        raise BrokerAnswerUnclear(f"status {response.status_code}")
    try:
        return response.json()
    except (ValueError, RecursionError):
        raise BrokerAnswerUnclear("not JSON") from None


def _seconds(retry_after: str | None) -> int:
    """The header as whole seconds, a minute at the most; 1 when it is a date, or nonsense."""
    return min(int(retry_after[:9]), 60) if retry_after and retry_after.isdecimal() else 1


class _IPv4Adapter(HTTPAdapter):
    """Connects over IPv4: the broker's list of allowed addresses holds those, and its name has both (iifl_api §4.4)."""

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        # A socket bound to an IPv4 address cannot connect to an IPv6 one, so urllib3 goes on to the next address.
        super().init_poolmanager(*args, source_address=("0.0.0.0", 0), **kwargs)  # noqa: S104 - an end, not a listener
