"""/broker/callback/, to which the broker's login page redirects the browser with the auth code in the URL."""

from django.contrib import admin, messages
from django.contrib.auth.models import AnonymousUser
from django.http import HttpRequest, HttpResponse, QueryDict
from django.shortcuts import redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_variables
from django.views.decorators.http import require_GET

from broker.admin import pending_login
from broker.admin.session import LOG_IN
from broker.errors import BrokerError
from broker.iifl import login

NOT_BEGUN = "Nothing was sent to the broker, because no login was begun here within ten minutes. Begin one below."
SESSION_PAGE = "admin:broker_brokersession_changelist"


@require_GET
@never_cache
@sensitive_variables("parameters")
def callback(request: HttpRequest) -> HttpResponse:
    """Log in to the broker if the login was begun here, then redirect so that the code leaves the address bar.

    Never redirect to the site's own login: the code would have to pass through that page.
    """
    parameters = request.GET.dict()
    # From here on no error page and no log line of this request can contain the code.
    request.GET = QueryDict()
    request.META["QUERY_STRING"] = request.environ["QUERY_STRING"] = ""  # type: ignore[attr-defined]  # a WSGIRequest has it
    response = _complete_login(request, parameters)
    response["Referrer-Policy"] = "no-referrer"
    return response


@sensitive_variables("parameters")
def _complete_login(request: HttpRequest, parameters: dict[str, str]) -> HttpResponse:
    user = request.user
    if isinstance(user, AnonymousUser) or not user.has_perm(LOG_IN):
        return render(request, "broker/callback.html", admin.site.each_context(request), status=403)
    begun = pending_login.take(request)
    way_back = pending_login.way_back(request)
    if not begun:
        messages.error(request, NOT_BEGUN)
        return redirect(SESSION_PAGE if user.is_staff else way_back)
    try:
        login.complete_login(parameters)
        messages.success(request, "Logged in to the broker until midnight (IST).")
    except BrokerError as error:
        messages.error(request, str(error))
    return redirect(way_back)
