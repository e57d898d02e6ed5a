"""Who may open a page, and what others are told."""

from collections.abc import Callable
from functools import wraps
from typing import Concatenate, ParamSpec, cast

from django.contrib.auth.views import redirect_to_login
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.utils.http import url_has_allowed_host_and_scheme

from broker.cache_families import VIEW_ACCOUNT

P = ParamSpec("P")
View = Callable[Concatenate[HttpRequest, P], HttpResponse]
TRADE, LOG_IN = "broker.trade", "broker.log_in"
LOGIN_ENDED = "Your login has ended. Log in again to go on."


def page_for(*permissions: str) -> Callable[[View[P]], View[P]]:
    """Open a page to logged-in people who have all of the permissions.

    A visitor is redirected to the login, and from there back to the page; htmx, which could not show the login page,
    gets 401. Raises PermissionDenied for a user who lacks a permission.
    """

    def decorate(view: View[P]) -> View[P]:
        @wraps(view)
        def guarded(request: HttpRequest, /, *args: P.args, **kwargs: P.kwargs) -> HttpResponse:
            if not request.user.is_authenticated:
                return ask_for_login(request)
            for permission in permissions:
                if not request.user.has_perm(permission):
                    raise PermissionDenied(f"This page requires the permission {permission}.")
            return view(request, *args, **kwargs)

        return guarded

    return decorate


account_page = page_for(VIEW_ACCOUNT)


def ask_for_login(request: HttpRequest) -> HttpResponse:
    if is_htmx(request):
        return HttpResponse(LOGIN_ENDED, status=401, content_type="text/plain; charset=utf-8")
    came_for = request.get_full_path() if request.method in ("GET", "HEAD") else "/"
    return redirect_to_login(came_for)


def own_address(request: HttpRequest, target: str) -> str:
    """Return an address to which somebody may be redirected; empty for one of another site."""
    is_ours = url_has_allowed_host_and_scheme(target, {request.get_host()}, require_https=request.is_secure())
    return target if is_ours else ""


def is_htmx(request: HttpRequest) -> bool:
    """Whether htmx asks for a part of a page, rather than a browser for the whole."""
    return "HTTP_HX_REQUEST" in request.META


def may_trade(request: HttpRequest) -> bool:
    """Whether buttons that trade are shown. Users who lack only the second factor see them, and are asked for it."""
    return request.user.has_perm(TRADE) or hasattr(request, "second_factor_is_missing")


def user_id(request: HttpRequest) -> int:
    """Return the id of the user who has opened a page that `page_for` guards."""
    return cast("int", request.user.pk)  # never None behind a login
