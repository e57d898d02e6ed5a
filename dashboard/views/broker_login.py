"""The daily login to the broker: from a button here to the broker's own page, and back to /broker/callback/."""

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.cache import never_cache

from broker import conf
from broker.admin import pending_login
from broker.iifl import login
from dashboard.access import LOG_IN, page_for


@never_cache
@page_for(LOG_IN)
def page(request: HttpRequest) -> HttpResponse:
    """Show the button, and lead whoever has pressed it to the broker's page.

    The answer to the button is a page that leads on, not a redirect: browsers take a redirect for the form's action,
    which the content policy keeps on this site.
    """
    if conf.simulated():
        messages.info(request, "The broker is the simulator, to which the site logs in by itself.")
        return redirect("dashboard:watchlist")
    address = ""
    if request.method == "POST":
        pending_login.begin(request, reverse("dashboard:watchlist"))
        address = login.login_url()
    return render(request, "dashboard/broker_login.html", {"address": address})
