"""The fast path of a hit: a request like one that a view has answered before is answered from the cache alone.

Views teach it which URL shows which cached value, in which envelope, and which permissions that takes: once a view has
answered a program's GET with one cached value, a route is kept under the URL as the client wrote it. From then on such
a request (token, JSON) needs neither a view nor SQL: only the token's user, their permissions and the value. Every
other request (a miss, a browser, a refusal) goes through Django as usual. So does any response that may differ between
authorized callers: one whose permissions have no names, or with a header that is not known to be the same for all.
"""

import threading
from collections.abc import Callable, Mapping
from typing import NamedTuple

from django.http import HttpRequest, HttpResponse

from systemcache import process_state
from systemcache.auth import backends
from systemcache.errors import StoreUnavailable
from systemcache.fetching import hits
from systemcache.per_view import responses
from systemcache.per_view.renderers import CachedBody, StoredJSON

Handler = Callable[[HttpRequest], HttpResponse]

MAX_ROUTES = 1_000
MAX_ADDRESS_LENGTH = 500  # characters: clients control the URL
SCHEME = "Token "
JSON = frozenset({"*/*", "application/json", "application/json, */*", "application/json, text/plain, */*"})
NO_BODY = frozenset({"", "0"})
PRECONDITION_HEADERS = frozenset({"HTTP_IF_MATCH", "HTTP_IF_UNMODIFIED_SINCE"})  # they can make a GET fail


class Address(NamedTuple):
    """All of a request that a response depends on besides the caller: hosts may be refused, and HTTP redirected."""

    scheme: str
    host: str
    path: str
    query: str

    @classmethod
    def of(cls, request: HttpRequest) -> "Address":
        meta = request.META
        host = meta.get("HTTP_HOST", meta["SERVER_NAME"])
        return cls(request.scheme or "", host, meta["PATH_INFO"], meta.get("QUERY_STRING", ""))


class CachedRoute(NamedTuple):
    """What an address shows, the permissions that it requires (none: any authenticated user), and the response headers
    that come from the rest of the site."""

    body: CachedBody
    permissions: frozenset[str]
    site_headers: Mapping[str, str]


class _Routes:
    """What each address shows, learned from views. Reads take no lock."""

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        self._lock = threading.Lock()
        self._by_address: dict[Address, CachedRoute] = {}

    def get(self, address: Address) -> CachedRoute | None:
        return self._by_address.get(address)

    def learn(self, address: Address, route: CachedRoute) -> None:
        with self._lock:
            self._by_address.pop(address, None)
            while len(self._by_address) >= MAX_ROUTES:
                del self._by_address[next(iter(self._by_address))]
            self._by_address[address] = route


routes = process_state.register(_Routes())


def middleware(get_response: Handler) -> Handler:
    def fetch_or_pass_on(request: HttpRequest) -> HttpResponse:
        cached = fetch_from_cache(request)
        if cached is not None:
            return cached
        response = get_response(request)
        learn_route(request, response)
        return response

    return fetch_or_pass_on


def learn_route(request: HttpRequest, response: HttpResponse) -> None:
    """Store the route of a view's response, if it is one cached value and the same for all users who may see it."""
    data = getattr(response, "data", None)
    if not isinstance(data, StoredJSON) or data.cached_body is None or data.permissions is None:
        return
    address = Address.of(request)
    if not is_cacheable_request(request) or sum(map(len, address)) > MAX_ADDRESS_LENGTH:
        return
    if response.status_code != 200 or not responses.is_same_for_all(response):
        return
    # The family's permission in any case, because the fast path does not call require_access().
    permissions = data.permissions.union(filter(None, [data.cached_body.family.permission]))
    routes.learn(address, CachedRoute(data.cached_body, permissions, responses.site_headers(response)))


def fetch_from_cache(request: HttpRequest) -> HttpResponse | None:
    """The response without a view, or None: the request has to go through Django."""
    authorization = request.META.get("HTTP_AUTHORIZATION", "")
    if not authorization.startswith(SCHEME) or not is_cacheable_request(request):
        return None
    route = routes.get(Address.of(request))
    if route and route.body.family.refreshable and asks_for_source(request):
        return None
    try:
        return _response(request, route, authorization.removeprefix(SCHEME)) if route else None
    except StoreUnavailable:
        return None


def is_cacheable_request(request: HttpRequest) -> bool:
    """Whether this is a GET for JSON without a body and without conditions other than If-None-Match."""
    meta = request.META
    return (
        request.method == "GET"
        and meta.get("HTTP_ACCEPT", "*/*") in JSON
        and meta.get("CONTENT_LENGTH", "") in NO_BODY
        and meta.keys().isdisjoint(PRECONDITION_HEADERS)
    )


def asks_for_source(request: HttpRequest) -> bool:
    """Whether the caller sends Cache-Control: no-cache."""
    directives = request.META.get("HTTP_CACHE_CONTROL", "").lower().split(",")
    return "no-cache" in map(str.strip, directives)


def _response(request: HttpRequest, route: CachedRoute, token: str) -> HttpResponse | None:
    identity = backends.cached_token(token)
    if identity is None or not identity.may_read(route.permissions):
        return None
    value = hits.get_hit(route.body.family, route.body.ref)
    return responses.build_response(request, route.body, route.site_headers, value) if value else None
