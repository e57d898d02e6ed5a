"""The cache's pages in the admin, under the admin's own wrapper: log in as staff, then the permissions of `Cache`."""

from collections.abc import Callable
from functools import wraps
from typing import Any

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.urls import URLPattern, path

from systemcache.admin import clear_pages, family_page, key_pages, overview
from systemcache.models import Cache

VIEW, CLEAR = "systemcache.view_cache", "systemcache.clear_cache"
# Route, name, page, and whether it takes the permission to clear beside the one to look.
PAGES: tuple[tuple[str, str, Callable[..., HttpResponse], bool], ...] = (
    ("", "changelist", overview.page, False),
    ("families/<str:name>/", "family", family_page.page, False),
    ("families/<str:name>/refresh/", "refresh", family_page.refresh, True),
    ("keys/", "keys", key_pages.browse, False),
    ("key/", "key", key_pages.one, False),
    ("clear/", "clear", clear_pages.page, True),
)


@admin.register(Cache)
class CacheAdmin(admin.ModelAdmin[Cache]):
    """Pages of its own and no others: there is no table behind it."""

    def get_urls(self) -> list[URLPattern]:
        return [
            path(route, self._guarded(page, clears), name=f"systemcache_cache_{name}")
            for route, name, page, clears in PAGES
        ]

    def _guarded(self, page: Callable[..., HttpResponse], clears: bool) -> Callable[..., HttpResponse]:
        @wraps(page)
        def answer(request: HttpRequest, **parts: Any) -> HttpResponse:
            may_clear = request.user.has_perm(CLEAR)
            if not self.has_view_permission(request) or (clears and not may_clear):
                raise PermissionDenied
            context = {**self.admin_site.each_context(request), "opts": self.opts, "may_clear": may_clear}
            return page(request, context, **parts)

        return self.admin_site.admin_view(answer)

    def has_module_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm(VIEW)

    def has_view_permission(self, request: HttpRequest, obj: Cache | None = None) -> bool:
        return request.user.has_perm(VIEW)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Cache | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Cache | None = None) -> bool:
        return False
