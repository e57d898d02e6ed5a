"""/api/system: the cache's statistics, clearing and warming it, and the health of the site."""

import msgspec
from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework.exceptions import AuthenticationFailed, PermissionDenied
from rest_framework.permissions import AllowAny, IsAuthenticated
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.utils.urls import replace_query_param

from systemcache import clock, conf, families
from systemcache.api import schemas
from systemcache.api.permissions import CanClearCache, CanViewCache
from systemcache.api.serializers import ClearQuerySerializer, KeysQuerySerializer, WarmQuerySerializer
from systemcache.invalidation import clear
from systemcache.operations import health, key_browser, warming
from systemcache.per_view.openapi import example, typed_schema
from systemcache.per_view.validation import StrictView
from systemcache.stats import counters
from systemcache.storage import scan

WARMING_TIME_LIMIT = 25.0  # seconds after which no step begins, before a proxy times out
MAX_WAIT = 5.0  # seconds that one step waits for its source's rate limit


class StatsView(StrictView):
    """Cache statistics, summed over all processes."""

    permission_classes = (IsAuthenticated,)

    @extend_schema(responses=typed_schema(schemas.Statistics), examples=[example(schemas.STATISTICS)])
    def get(self, request: Request) -> Response:
        return Response(counters.snapshot())


class ClearView(StrictView):
    """Clear cached values by ?pattern=, ?family= or ?tag=; with ?dry_run=true only count them.

    With ?soft=true only their TTL ends: one caller loads each again; the old one stays in case its source fails.
    """

    permission_classes = (CanClearCache,)
    query_serializer = ClearQuerySerializer
    query_operations = ("post",)
    body_methods = ()

    @extend_schema(
        request=None,
        responses=typed_schema(schemas.ClearResponse),
        examples=[example(schemas.CLEARED)],
    )
    def post(self, request: Request) -> Response:
        query = self.validated_query()
        dry_run, soft = query.pop("dry_run"), query.pop("soft")
        target = clear.target(**query)
        cleared = clear.clear(target, by=request.user.get_username(), dry_run=dry_run, soft=soft)
        return Response({"keys": cleared.keys, "dry_run": cleared.dry_run, "patterns": target.patterns})


class WarmView(StrictView):
    """Warm the cache: run every registered warmer, or with ?family= only the steps of that family.

    Each step is an ordinary read within its source's rate limit, and costs nothing if the value is fresh. After 25
    seconds no further step begins; `left` names the remaining ones.
    """

    permission_classes = (CanClearCache,)
    query_serializer = WarmQuerySerializer
    query_operations = ("post",)
    body_methods = ()

    @extend_schema(
        request=None,
        responses=typed_schema(warming.Report),
        examples=[example(schemas.WARMED)],
    )
    def post(self, request: Request) -> Response:
        report = warming.run(**self.validated_query(), time_limit=WARMING_TIME_LIMIT, max_wait=MAX_WAIT)
        return Response(msgspec.to_builtins(report))


class FamiliesView(StrictView):
    """The families of cached values: key templates, TTLs in seconds, tags."""

    permission_classes = (CanViewCache,)

    @extend_schema(
        responses=typed_schema(schemas.FamiliesResponse), examples=[example(schemas.FAMILIES, name="Families")]
    )
    def get(self, request: Request) -> Response:
        rows = [
            schemas.FamilyResponse(family.name, family.template, family.ttl, family.stale_for, list(family.tags))
            for family in families.registered()
        ]
        whole = schemas.FamiliesResponse(as_of=timezone.localtime(clock.now()), stale=False, data=rows)
        return Response(msgspec.to_builtins(rows if conf.bare_lists() else whole))


class KeysView(StrictView):
    """A page of the keys in Redis with TTL (seconds) and size (bytes); secret families are left out.

    Redis is walked step by step: a page may hold few keys or none although more follow, and `count` is not known. The
    last page has `next` null and `cursor` 0.
    """

    permission_classes = (CanViewCache,)
    query_serializer = KeysQuerySerializer

    @extend_schema(responses=typed_schema(schemas.KeysResponse), examples=[example(schemas.KEYS)])
    def get(self, request: Request) -> Response:
        query = self.validated_query()
        cursor, names = scan.page(query["pattern"], query["cursor"], count=500)
        owners = {name: key_browser.family_of_key(name) for name in sorted(set(names))}
        visible = [name for name, family in owners.items() if not (family and family.secret)]
        rows = [
            schemas.KeyResponse(key=name, family=family.name if (family := owners[name]) else None, **description)
            for name, description in zip(visible, scan.describe(visible), strict=True)
        ]
        page = schemas.KeysResponse(
            as_of=timezone.localtime(clock.now()),
            stale=False,
            count=None,
            next=replace_query_param(request.build_absolute_uri(), "cursor", cursor) if cursor else None,
            previous=None,
            data=rows,
            cursor=cursor,
            keys=rows,
        )
        return Response(msgspec.to_builtins(page))


class HealthView(StrictView):
    """Whether the site is up, for anyone. Staff also see the health of each component."""

    permission_classes = (AllowAny,)

    def perform_authentication(self, request: Request) -> None:
        """Authenticate later, once the database is known to be up."""

    @extend_schema(
        responses=typed_schema(schemas.HealthResponse, 200, 503),
        examples=[
            example(schemas.HealthResponse("up"), name="Up"),
            example(schemas.HEALTH, name="Up, for staff"),
            example(schemas.HealthResponse("down"), name="Down", code=503),
        ],
        auth=[],
    )
    def get(self, request: Request) -> Response:
        if not health.database_is_up():
            return Response({"status": "down"}, status=503)
        components = health.component_health() if _is_staff(request) else None
        return Response(msgspec.to_builtins(schemas.HealthResponse("up", components)))


def _is_staff(request: Request) -> bool:
    """Treat failed authentication as anonymous, so that a monitor with an old token does not see the site as down."""
    try:
        return bool(request.user.is_staff)
    except (AuthenticationFailed, PermissionDenied):
        return False
