"""/api/system: the cache's statistics and its clearing, and whether the site is up."""

from typing import Any

from django.db import DatabaseError, connection
from drf_spectacular.utils import extend_schema
from rest_framework.permissions import AllowAny, IsAdminUser, IsAuthenticated
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from systemcache import families, invalidation, scanning, stats
from systemcache.serializers import ClearQuery, KeysQuery

OBJECT: dict[str, Any] = {"type": "object", "additionalProperties": True}
OBJECTS: dict[str, Any] = {"type": "array", "items": OBJECT}


class StatsView(APIView):
    """How well the cache does, counted over all processes."""

    permission_classes = (IsAuthenticated,)

    @extend_schema(responses={200: OBJECT})
    def get(self, request: Request) -> Response:
        return Response(stats.snapshot())


class ClearView(APIView):
    """Drops cached values: by ?pattern=, ?family= or ?tag=; with ?dry_run=true it only counts."""

    permission_classes = (IsAdminUser,)

    @extend_schema(parameters=[ClearQuery], request=None, responses={200: OBJECT})
    def post(self, request: Request) -> Response:
        query = ClearQuery(data=request.query_params)
        query.is_valid(raise_exception=True)
        dry_run = query.validated_data.pop("dry_run")
        target = invalidation.target(**query.validated_data)
        cleared = invalidation.clear(target, by=request.user.get_username(), dry_run=dry_run)
        return Response({"keys": cleared.keys, "dry_run": cleared.dry_run, "patterns": target.patterns})


class FamiliesView(APIView):
    """The families of cached values: their keys, their TTL in seconds, their tags."""

    permission_classes = (IsAdminUser,)

    @extend_schema(responses={200: OBJECTS})
    def get(self, request: Request) -> Response:
        return Response(
            [
                {
                    "name": family.name,
                    "key": family.template,
                    "ttl": family.ttl,
                    "stale_for": family.stale_for,
                    "tags": family.tags,
                }
                for family in families.registered()
            ]
        )


class KeysView(APIView):
    """A page of the keys in Redis with TTL (seconds) and size (bytes). `cursor` 0 begins and ends; secrets stay out."""

    permission_classes = (IsAdminUser,)

    @extend_schema(parameters=[KeysQuery], responses={200: OBJECT})
    def get(self, request: Request) -> Response:
        query = KeysQuery(data=request.query_params)
        query.is_valid(raise_exception=True)
        cursor, names = scanning.page(query.validated_data["pattern"], query.validated_data["cursor"], count=500)
        owners = {name: families.of_key(name) for name in sorted(set(names))}
        shown = [name for name, family in owners.items() if not (family and family.secret)]
        rows = [
            {"key": name, "family": family.name if (family := owners[name]) else None, **facts}
            for name, facts in zip(shown, scanning.describe(shown), strict=True)
        ]
        return Response({"cursor": cursor, "keys": rows})


class HealthView(APIView):
    """Up or not, and no more: anybody may ask."""

    authentication_classes = ()
    permission_classes = (AllowAny,)

    @extend_schema(responses={200: OBJECT, 503: OBJECT}, auth=[])
    def get(self, request: Request) -> Response:
        up = database_is_up()
        return Response({"status": "up" if up else "down"}, status=200 if up else 503)


def database_is_up() -> bool:
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
    except DatabaseError:
        return False
    return True
