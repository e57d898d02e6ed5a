"""The way of a hit: a request like one that was answered before is answered with what the cache holds, and no more.

Which address shows which value, in which form and to whom, is learned from the views: when one has answered a program's
GET out of one cached value, that is remembered under the address as it was asked for. From then on such a request
(token, JSON) needs neither a view nor SQL: whose token it is, what that user may do, and the value. Anything else (a
miss, a person in a browser, a form of refusal) goes the usual way. So does, each time, what is not known to be the same
for all who may see it: a permission that has no name, a header that this module has not heard of.
"""

import os
import threading
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from django.http import HttpRequest, HttpResponse
from rest_framework.permissions import DjangoModelPermissions, IsAuthenticated
from rest_framework.response import Response
from rest_framework.views import APIView

from systemcache import authentication, fetch, responses
from systemcache.errors import StoreUnavailable
from systemcache.responses import Shown, StoredJSON

Handler = Callable[[HttpRequest], HttpResponse]

MOST = 1_000  # addresses
LONGEST = 500  # characters of an address: who may ask may also make them up
SCHEME = "Token "
JSON = frozenset({"*/*", "application/json", "application/json, */*", "application/json, text/plain, */*"})
NO_BODY = frozenset({"", "0"})
RARE = frozenset({"HTTP_IF_MATCH", "HTTP_IF_UNMODIFIED_SINCE"})  # conditions of writing, which a GET may be refused for
FOR_ANYBODY = (IsAuthenticated, DjangoModelPermissions)  # what these ask for reading is to be somebody


class Address(NamedTuple):
    """All of a request that an answer depends on, besides who asks: which hosts are welcome, and what is redirected."""

    scheme: str
    host: str
    path: str
    query: str

    @classmethod
    def of(cls, request: HttpRequest) -> "Address":
        told = request.META
        host = told.get("HTTP_HOST", told["SERVER_NAME"])
        return cls(request.scheme or "", host, told["PATH_INFO"], told.get("QUERY_STRING", ""))


class Recipe(NamedTuple):
    """What an address shows; the permission that it takes ("": everybody who is somebody); and the headers that the
    rest of the site puts on the answer."""

    shown: Shown
    needs: str
    around: Mapping[str, str]


_recipes: dict[Address, Recipe] = {}  # read without the lock
_learning = threading.Lock()


class ShortView(APIView):
    """A view whose GET shows one cached value.

    Whoever may see it by its permission class gets it the short way, if that is one of FOR_ANYBODY, or asks for no more
    than the permission that it has as its `needs`.
    """

    def finalize_response(self, request: Any, response: Any, *args: Any, **kwargs: Any) -> Response:
        if isinstance(response.data, StoredJSON):
            response.data.needs = _needed(self.get_permissions())
        return super().finalize_response(request, response, *args, **kwargs)


def _needed(permissions: Sequence[Any]) -> str | None:
    """The name of the permission that they ask for; "": to be somebody; None: more than a name can tell."""
    if len(permissions) != 1:
        return None
    return "" if type(permissions[0]) in FOR_ANYBODY else getattr(permissions[0], "needs", None)


def middleware(get_response: Handler) -> Handler:
    def answer(request: HttpRequest) -> HttpResponse:
        short = _at_hand(request)
        if short is None:
            response = get_response(request)
            _learn(request, response)
            return response
        return short

    return answer


def _learn(request: HttpRequest, response: HttpResponse) -> None:
    """A view has answered: if that was one cached value, the next request for the same address can be short."""
    body = getattr(response, "data", None)
    if not isinstance(body, StoredJSON) or body.shown is None or body.needs is None:
        return
    address = Address.of(request)
    if not _is_plain(request) or sum(map(len, address)) > LONGEST:
        return
    if response.status_code != 200 or not responses.is_the_same_for_all(response):
        return
    recipe = Recipe(body.shown, body.needs, responses.around(response))
    with _learning:
        _recipes.pop(address, None)
        while len(_recipes) >= MOST:
            del _recipes[next(iter(_recipes))]
        _recipes[address] = recipe


def forget() -> None:
    _recipes.clear()


def _forget_parent() -> None:
    global _learning
    _learning = threading.Lock()


os.register_at_fork(after_in_child=_forget_parent)


def _at_hand(request: HttpRequest) -> HttpResponse | None:
    authorization = request.META.get("HTTP_AUTHORIZATION", "")
    if not authorization.startswith(SCHEME) or not _is_plain(request):
        return None
    recipe = _recipes.get(Address.of(request))
    try:
        return _answer(request, recipe, authorization.removeprefix(SCHEME)) if recipe else None
    except StoreUnavailable:
        return None


def _is_plain(request: HttpRequest) -> bool:
    """A GET for JSON, with no more to it than an If-None-Match."""
    told = request.META
    return (
        request.method == "GET"
        and told.get("HTTP_ACCEPT", "*/*") in JSON
        and told.get("CONTENT_LENGTH", "") in NO_BODY
        and told.keys().isdisjoint(RARE)
    )


def _answer(request: HttpRequest, recipe: Recipe, token: str) -> HttpResponse | None:
    who = authentication.at_hand(token)
    if who is None or not (not recipe.needs or who.may(recipe.needs)):
        return None
    found: Any = fetch.warm(recipe.shown.family, recipe.shown.spot)
    return responses.plain(request, recipe.shown, recipe.around, found) if found else None
