"""The cache's admin pages. The admin site requires staff; each page then requires the permissions of `Cache`."""

from collections.abc import Callable
from functools import wraps
from typing import Any

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.urls import URLPattern, path

from systemcache.admin import audit_page, clear_pages, family_page, key_pages, overview, processes_page
from systemcache.admin.read_only import ReadOnlyAdmin
from systemcache.models import Cache

# Route, URL name, view, and whether it needs the permission to clear in addition to the one to view.
PAGES: tuple[tuple[str, str, Callable[..., HttpResponse], bool], ...] = (
    ("", "changelist", overview.overview_view, False),
    ("families/<str:name>/", "family", family_page.family_view, False),
    ("families/<str:name>/refresh/", "refresh", family_page.refresh_view, True),
    ("processes/", "processes", processes_page.processes_view, False),
    ("audit/", "audit", audit_page.audit_view, False),
    ("keys/", "keys", key_pages.keys_view, False),
    ("key/", "key", key_pages.key_view, False),
    ("clear/", "clear", clear_pages.clear_view, True),
)


@admin.register(Cache)
class CacheAdmin(ReadOnlyAdmin):
    """Replaces the admin's change list and forms, since the model has no table."""

    def get_urls(self) -> list[URLPattern]:
        return [
            path(route, self._require_permissions(view, needs_clear), name=f"systemcache_cache_{name}")
            for route, name, view, needs_clear in PAGES
        ]

    def _require_permissions(self, view: Callable[..., HttpResponse], needs_clear: bool) -> Callable[..., HttpResponse]:
        @wraps(view)
        def wrapper(request: HttpRequest, **kwargs: Any) -> HttpResponse:
            may_clear = request.user.has_perm(Cache.CLEAR)
            if not self.has_view_permission(request) or (needs_clear and not may_clear):
                raise PermissionDenied
            context = {**self.admin_site.each_context(request), "opts": self.opts, "may_clear": may_clear}
            return view(request, context, **kwargs)

        return self.admin_site.admin_view(wrapper)

    def has_module_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm(Cache.VIEW)

    def has_view_permission(self, request: HttpRequest, obj: Cache | None = None) -> bool:
        return request.user.has_perm(Cache.VIEW)
