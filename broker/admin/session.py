"""The broker session in the admin: its state, logging in and out. The token is never shown."""

from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.utils.decorators import method_decorator
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters, sensitive_variables

from broker import clock, conf
from broker.admin import pending_login
from broker.errors import BrokerError
from broker.iifl import login
from broker.iifl.client import default_client
from broker.iifl.session import stored_session
from broker.models import BrokerSession
from systemcache.admin.read_only import ReadOnlyAdmin

LOG_IN = "broker.log_in"


@admin.register(BrokerSession)
class SessionAdmin(ReadOnlyAdmin):
    """A single page instead of a list, because there is one session a day."""

    def has_module_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm(LOG_IN)

    def has_view_permission(self, request: HttpRequest, obj: BrokerSession | None = None) -> bool:
        return request.user.has_perm(LOG_IN)

    @method_decorator([never_cache, sensitive_post_parameters("auth_code")])
    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        if not self.has_view_permission(request):
            raise PermissionDenied
        if request.method == "POST" and "begin_login" in request.POST:
            pending_login.begin(request, request.path)
            return HttpResponseRedirect(login.login_url())
        if request.method == "POST":
            self._log_in_or_out(request)
            return HttpResponseRedirect(request.path)
        return TemplateResponse(request, "admin/broker/session.html", self._context(request) | (extra_context or {}))

    def _context(self, request: HttpRequest) -> dict[str, Any]:
        return {
            **self.admin_site.each_context(request),
            "title": "Broker session",
            "opts": self.opts,
            "session": stored_session(clock.now()),
            "client_id": conf.client_id(),
            "simulated": conf.simulated(),
        }

    @sensitive_variables("code")
    def _log_in_or_out(self, request: HttpRequest) -> None:
        code = request.POST.get("auth_code", "").strip()
        try:
            if "log_out" in request.POST:
                default_client().logout()
                messages.success(request, "Logged out of the broker.")
            elif code:
                login.complete_login({"authcode": code})
                messages.success(request, "Logged in to the broker until midnight (IST).")
            else:
                messages.error(request, "Paste the code from the broker's page.")
        except BrokerError as error:
            messages.error(request, str(error))
