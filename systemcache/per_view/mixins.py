"""Base classes of views whose responses come from the cache."""

from collections.abc import Callable, Sequence
from typing import Any

from django.http import HttpRequest
from django.http.response import HttpResponseBase
from rest_framework.permissions import SAFE_METHODS, DjangoModelPermissions, IsAuthenticated
from rest_framework.request import Request
from rest_framework.response import Response

from systemcache import conf
from systemcache.cached_value import CachedValue
from systemcache.families import Family
from systemcache.fetching import refresh
from systemcache.per_view import responses
from systemcache.per_view.middleware import asks_for_source
from systemcache.per_view.permissions import FamilyPermission, HasPermission
from systemcache.per_view.renderers import StoredJSON
from systemcache.per_view.validation import StrictView

AUTHENTICATED_ONLY = (IsAuthenticated, DjangoModelPermissions)  # for reads these only require authentication


class CachedReadMixin(StrictView):
    """A view's declaration of what it reads from the cache. What follows from it:

    - permission: safe methods require the family's permission in addition to `permission_classes`;
    - the API's description: the family's type is the schema, `query_serializer` the parameters;
    - the headers X-Cache, Age, ETag and Cache-Control, and 304;
    - Cache-Control: no-cache of a request, for a family that is refreshable;
    - the fast path (middleware.py), where permissions have names and the response is one cached value.
    """

    family: Family[Any]
    read: Callable[..., CachedValue[Any]]  # is called with the URL's parameters and the validated query as keywords
    bare_until_0_5 = False  # with API_BARE_LISTS the value alone, as in 0.3, instead of the envelope

    def get_permissions(self) -> Sequence[Any]:
        permissions = super().get_permissions()
        return [*permissions, FamilyPermission(self.family)] if self.request.method in SAFE_METHODS else permissions

    def respond(self) -> Response:
        value = self.read(**self.kwargs, **self.validated_query())
        bare = self.bare_until_0_5 and conf.bare_lists()
        return responses.bare_response(self.request, value) if bare else responses.dated_response(self.request, value)

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        with refresh.from_source(request.method in SAFE_METHODS and asks_for_source(request)):
            return super().dispatch(request, *args, **kwargs)

    def finalize_response(self, request: Request, response: Any, *args: Any, **kwargs: Any) -> Response:
        if isinstance(getattr(response, "data", None), StoredJSON):
            response.data.permissions = required_permissions(self.get_permissions())
        return super().finalize_response(request, response, *args, **kwargs)


class CachedView(CachedReadMixin):
    """A view whose GET responds with one cached value:

    class HoldingsView(CachedView):
        family = HOLDINGS
        read = staticmethod(gateway.holdings)
    """

    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:  # no docstring: the class's describes it
        return self.respond()


class CachedListMixin(CachedReadMixin):
    """For a ViewSet, before its base class: the list is one cached value."""

    def list(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        return self.respond()


def required_permissions(permissions: Sequence[Any]) -> frozenset[str] | None:
    """The names that these permission classes ask for; None if a name cannot express what they ask for."""
    names = set()
    for permission in permissions:
        if type(permission).has_permission is HasPermission.has_permission:
            if permission.permission is None:
                return None
            names.add(permission.permission)
        elif type(permission) not in AUTHENTICATED_ONLY:
            return None
    return frozenset(names - {""})
