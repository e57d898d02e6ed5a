"""The broker's session in the admin: whether there is one, and logging in and out. No token is ever shown."""

from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.utils import timezone
from django.utils.decorators import method_decorator
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters, sensitive_variables

from broker import conf, login
from broker.client import default_client
from broker.errors import BrokerError
from broker.models import BrokerSession

LOG_IN = "broker.log_in"


@admin.register(BrokerSession)
class SessionAdmin(admin.ModelAdmin[BrokerSession]):
    """One page in the place of a list: there is one session a day."""

    def has_module_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm(LOG_IN)

    def has_view_permission(self, request: HttpRequest, obj: BrokerSession | None = None) -> bool:
        return request.user.has_perm(LOG_IN)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: BrokerSession | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: BrokerSession | None = None) -> bool:
        return False

    @method_decorator([never_cache, sensitive_post_parameters("auth_code")])
    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        if not self.has_view_permission(request):
            raise PermissionDenied
        if request.method == "POST":
            self._act(request)
            return HttpResponseRedirect(request.path)
        return TemplateResponse(request, "admin/broker/session.html", self._context(request) | (extra_context or {}))

    def _context(self, request: HttpRequest) -> dict[str, Any]:
        session = BrokerSession.objects.filter(client_id=conf.client_id(), expires_at__gt=timezone.now()).first()
        return {
            **self.admin_site.each_context(request),
            "title": "Broker session",
            "opts": self.opts,
            "session": session,
            "client_id": conf.client_id(),
            "simulated": conf.simulated(),
            "login_address": login.address(),
        }

    def _act(self, request: HttpRequest) -> None:
        try:
            if "log_out" in request.POST:
                default_client().logout()
                messages.success(request, "Logged out at the broker.")
            else:
                self._log_in(request)
        except BrokerError as error:
            messages.error(request, str(error))

    @sensitive_variables("code")
    def _log_in(self, request: HttpRequest) -> None:
        code = request.POST.get("auth_code", "")
        if not code.strip():
            messages.error(request, "Paste the code that the broker's page showed.")
            return
        login.come_back({"authcode": code})
        messages.success(request, "Logged in at the broker until midnight (IST).")
