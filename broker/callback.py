"""/broker/callback/: where the broker's login page sends the browser, with the code in the address."""

from django.contrib import admin, messages
from django.contrib.auth.models import AnonymousUser
from django.http import HttpRequest, HttpResponse, QueryDict
from django.shortcuts import redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_variables
from django.views.decorators.http import require_GET

from broker import login
from broker.admin.session import LOG_IN
from broker.errors import BrokerError

SESSION_PAGE = "admin:broker_brokersession_changelist"


@require_GET
@never_cache
@sensitive_variables("parameters")
def callback(request: HttpRequest) -> HttpResponse:
    """Logs in and goes on to the admin's page, so that the code leaves the address bar.

    Nobody is asked to log in to the site on the way: the code would have to travel through that page.
    """
    parameters = request.GET.dict()
    _forget_the_code(request)
    response = _come_back(request, parameters)
    response["Referrer-Policy"] = "no-referrer"
    return response


@sensitive_variables("parameters")
def _come_back(request: HttpRequest, parameters: dict[str, str]) -> HttpResponse:
    user = request.user
    if isinstance(user, AnonymousUser) or not (user.is_staff and user.has_perm(LOG_IN)):
        return render(request, "broker/callback.html", admin.site.each_context(request), status=403)
    try:
        login.come_back(parameters)
        messages.success(request, "Logged in at the broker until midnight (IST).")
    except BrokerError as error:
        messages.error(request, str(error))
    return redirect(SESSION_PAGE)


def _forget_the_code(request: HttpRequest) -> None:
    """No error page and no log line of this request can show it."""
    request.GET = QueryDict()
    request.META["QUERY_STRING"] = request.environ["QUERY_STRING"] = ""  # type: ignore[attr-defined]  # a WSGIRequest
