"""/api/system: the cache's statistics, its clearing and warming, and whether the site is up."""

from typing import Any

import msgspec
from drf_spectacular.utils import extend_schema
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.permissions import AllowAny, IsAdminUser, IsAuthenticated
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from systemcache import answers, browsing, families, health, invalidation, scanning, stats, warming
from systemcache.openapi import example, typed_answer
from systemcache.serializers import ClearQuery, KeysQuery, WarmQuery

LONGEST_WARMING = 25.0  # seconds after which no further step begins: a proxy would give the request up
PATIENCE = 5.0  # seconds that one of its steps waits for the broker's limits


class StatsView(APIView):
    """How well the cache does, counted over all processes."""

    permission_classes = (IsAuthenticated,)

    @extend_schema(responses=typed_answer(answers.Statistics), examples=[example(answers.STATISTICS)])
    def get(self, request: Request) -> Response:
        return Response(stats.snapshot())


class ClearView(APIView):
    """Drops cached values: by ?pattern=, ?family= or ?tag=; with ?dry_run=true it only counts."""

    permission_classes = (IsAdminUser,)

    @extend_schema(
        parameters=[ClearQuery],
        request=None,
        responses=typed_answer(answers.ClearAnswer),
        examples=[example(answers.CLEARED)],
    )
    def post(self, request: Request) -> Response:
        query = ClearQuery(data=request.query_params)
        query.is_valid(raise_exception=True)
        dry_run = query.validated_data.pop("dry_run")
        target = invalidation.target(**query.validated_data)
        cleared = invalidation.clear(target, by=request.user.get_username(), dry_run=dry_run)
        return Response({"keys": cleared.keys, "dry_run": cleared.dry_run, "patterns": target.patterns})


class WarmView(APIView):
    """Fills the cache with the account and what is watched, or with ?family= alone.

    Each step is an ordinary read within the broker's limits, and costs nothing where the value is fresh. After 25
    seconds no further one begins: `left` names those that are still to do.
    """

    permission_classes = (IsAdminUser,)

    @extend_schema(
        parameters=[WarmQuery],
        request=None,
        responses=typed_answer(warming.Report),
        examples=[example(answers.WARMED)],
    )
    def post(self, request: Request) -> Response:
        query = WarmQuery(data=request.query_params)
        query.is_valid(raise_exception=True)
        report = warming.run(**query.validated_data, longest=LONGEST_WARMING, patience=PATIENCE)
        return Response(msgspec.to_builtins(report))


class FamiliesView(APIView):
    """The families of cached values: their keys, their TTL in seconds, their tags."""

    permission_classes = (IsAdminUser,)

    @extend_schema(responses=typed_answer(list[answers.FamilyAnswer]), examples=[example([answers.CANDLES])])
    def get(self, request: Request) -> Response:
        return Response([_described(family) for family in families.registered()])


def _described(family: families.Family[Any]) -> dict[str, Any]:
    found = answers.FamilyAnswer(family.name, family.template, family.ttl, family.stale_for, list(family.tags))
    return msgspec.structs.asdict(found)


class KeysView(APIView):
    """A page of the keys in Redis with TTL (seconds) and size (bytes). `cursor` 0 begins and ends; secrets stay out."""

    permission_classes = (IsAdminUser,)

    @extend_schema(parameters=[KeysQuery], responses=typed_answer(answers.KeysAnswer), examples=[example(answers.KEYS)])
    def get(self, request: Request) -> Response:
        query = KeysQuery(data=request.query_params)
        query.is_valid(raise_exception=True)
        cursor, names = scanning.page(query.validated_data["pattern"], query.validated_data["cursor"], count=500)
        owners = {name: browsing.owner(name) for name in sorted(set(names))}
        shown = [name for name, family in owners.items() if not (family and family.secret)]
        rows = [
            {"key": name, "family": family.name if (family := owners[name]) else None, **facts}
            for name, facts in zip(shown, scanning.describe(shown), strict=True)
        ]
        return Response({"cursor": cursor, "keys": rows})


class HealthView(APIView):
    """Up or not, and no more: anybody may ask. Staff are told of each part, in the time that the database takes."""

    permission_classes = (AllowAny,)

    def perform_authentication(self, request: Request) -> None:
        """Only when the database, which knows who is asking, is up."""

    @extend_schema(
        responses=typed_answer(answers.HealthAnswer, 200, 503),
        examples=[
            example(answers.HealthAnswer("up"), name="Up"),
            example(answers.HEALTH, name="Up, for staff"),
            example(answers.HealthAnswer("down"), name="Down", code=503),
        ],
        auth=[],
    )
    def get(self, request: Request) -> Response:
        if not health.database_is_up():
            return Response({"status": "down"}, status=503)
        facts = health.facts() if _is_staff(request) else None
        return Response(msgspec.to_builtins(answers.HealthAnswer("up", facts)))


def _is_staff(request: Request) -> bool:
    """Who cannot say who she is is told what anybody is: a monitor's old token does not make the site look down."""
    try:
        return bool(request.user.is_staff)
    except AuthenticationFailed:
        return False
