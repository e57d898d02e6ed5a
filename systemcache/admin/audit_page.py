"""The auditor's page: how many answers were compared with their source, what was found, how far the evidence goes."""

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.views.decorators.http import require_safe

from systemcache import conf
from systemcache.audit import findings
from systemcache.errors import StoreUnavailable


@require_safe
def audit_view(request: HttpRequest, context: dict[str, Any]) -> HttpResponse:
    context |= {"title": "Audit", "every": conf.audit_every()}
    try:
        context["report"] = findings.report()
    except StoreUnavailable as error:
        context["problem"] = str(error)
    return TemplateResponse(request, "admin/systemcache/cache/audit.html", context)
