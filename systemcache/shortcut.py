"""The way of a hit: a request like one that was answered before is answered with what the cache holds, and no more.

Which address shows which value, in which form and to whom, is learned from the views: when one has answered a GET out
of one cached value, that is remembered under the address as it was asked for. From then on a program's request (token,
JSON) for this address needs neither a view nor SQL: whose token it is, what that user may do, and the value. Anything
else (a miss, a person in a browser, a form of refusal) goes the usual way.
"""

import os
import threading
from collections.abc import Callable
from typing import Any, NamedTuple

from django.http import HttpRequest, HttpResponse
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from systemcache import authentication, fetch, responses
from systemcache.errors import StoreUnavailable
from systemcache.responses import Shown

Handler = Callable[[HttpRequest], HttpResponse]
Address = tuple[str, str]

MOST = 1_000  # addresses
SCHEME = "Token "
JSON = frozenset({"", "*/*", "application/json", "application/json, */*", "application/json, text/plain, */*"})


class Recipe(NamedTuple):
    """What an address shows, and the permission that it takes; "": everybody who is somebody."""

    shown: Shown
    needs: str


_recipes: dict[Address, Recipe] = {}  # read without the lock
_learning = threading.Lock()


def middleware(get_response: Handler) -> Handler:
    def answer(request: HttpRequest) -> HttpResponse:
        return _at_hand(request) or get_response(request)

    return answer


class ShortView(APIView):
    """A view whose GET shows one cached value to whoever has the permission `needs`; "": to whoever is somebody."""

    needs = ""

    def finalize_response(self, request: Any, response: Any, *args: Any, **kwargs: Any) -> Response:
        final = super().finalize_response(request, response, *args, **kwargs)
        if isinstance(request, Request) and isinstance(final, Response):
            learn(request, final, self.needs)
        return final


def learn(request: Request, response: Response, needs: str) -> None:
    """A view has answered: if that was one cached value, the next request for the same address can be short."""
    shown = getattr(response.data, "shown", None)
    if shown is None or request.method != "GET" or response.status_code != 200:
        return
    with _learning:
        while len(_recipes) >= MOST:
            del _recipes[next(iter(_recipes))]
        _recipes[_address(request._request)] = Recipe(shown, needs)


def forget() -> None:
    _recipes.clear()


def _forget_parent() -> None:
    global _learning
    _learning = threading.Lock()


os.register_at_fork(after_in_child=_forget_parent)


def _address(request: HttpRequest) -> Address:
    return request.META["PATH_INFO"], request.META.get("QUERY_STRING", "")


def _at_hand(request: HttpRequest) -> HttpResponse | None:
    told = request.META
    authorization = told.get("HTTP_AUTHORIZATION", "")
    recipe = _recipes.get(_address(request)) if authorization.startswith(SCHEME) else None
    if recipe is None or request.method != "GET" or told.get("HTTP_ACCEPT", "") not in JSON:
        return None
    try:
        return _answer(request, recipe, authorization.removeprefix(SCHEME))
    except StoreUnavailable:
        return None


def _answer(request: HttpRequest, recipe: Recipe, token: str) -> HttpResponse | None:
    who = authentication.at_hand(token)
    if who is None or not (not recipe.needs or who.may(recipe.needs)):
        return None
    found: Any = fetch.warm(recipe.shown.family, recipe.shown.spot)
    return responses.plain(request, recipe.shown, found) if found else None
