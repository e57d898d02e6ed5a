"""Logging in and out, and how the pages look to somebody."""

from django.contrib.auth.views import LoginView
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.views.decorators.http import require_POST

from dashboard.access import own_address
from dashboard.themes import COOKIE, THEMES

YEAR = 365 * 24 * 3600  # seconds


class SiteLoginView(LoginView):
    """The login of people, for all pages; somebody who is logged in may log in as another."""

    template_name = "dashboard/login.html"


@require_POST
def theme(request: HttpRequest) -> HttpResponse:
    """Keep a browser's choice of colours, and go back to the page that it was made on."""
    response = redirect(own_address(request, request.POST.get("next", "")) or "/")
    chosen = request.POST.get("theme", "")
    if chosen in THEMES:
        response.set_cookie(COOKIE, chosen, max_age=YEAR, httponly=True, samesite="Lax", secure=request.is_secure())
    return response
