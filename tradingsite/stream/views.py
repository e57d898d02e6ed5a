"""Admits readers to the stream: what a view can decide before the first event. server.py sends the events."""

from dataclasses import dataclass
from typing import Any

from django.http import HttpRequest, StreamingHttpResponse
from django.http.response import HttpResponseBase
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiExample, OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework.exceptions import APIException, PermissionDenied
from rest_framework.request import Request

from broker.api.permissions import CanViewAccount
from systemcache.per_view.validation import StrictView
from tradingsite.stream import address, caller, query
from tradingsite.stream.caller import Credential, Rights
from tradingsite.stream.places import places
from tradingsite.stream.query import StreamQuerySerializer

MEDIA_TYPE = "text/event-stream"
EXAMPLE = """retry: 1000
id: 1790000000000-0
event: feed
data: {"state":"live","since":"2026-09-21T09:07:00+05:30"}

id: 1790000000250-0
event: quote
data: {"exchange":"NSEEQ","symbol":"RELIANCE","ltp":"1402.50"}

:
"""


class NotServedHere(APIException):
    status_code = 404
    default_code = "stream_elsewhere"


class ForeignOrigin(PermissionDenied):
    default_code = "foreign_origin"


@dataclass(frozen=True, slots=True)
class Subscription:
    """What a reader follows. `instruments` are those whose prices it receives, by key; None for all."""

    credential: Credential
    rights: Rights
    kinds: frozenset[str]
    instruments: dict[str, tuple[str, str]] | None
    unknown: tuple[str, ...]
    last_event_id: str


class AdmittedReader(StreamingHttpResponse):
    """The head of a stream. It takes one of its user's places, which the server frees."""

    def __init__(self, subscription: Subscription) -> None:
        headers = {
            "Cache-Control": "no-store",
            "X-Accel-Buffering": "no",  # nginx would hold events back until it has a page of them
        }
        super().__init__((), content_type=MEDIA_TYPE, headers=headers)
        self.subscription = subscription


class StreamView(StrictView):
    """Events as Server-Sent Events: prices, orders, fills, watchlist, signals, alerts and the feed's state.

    The stream has a port of its own (STREAM_PORT); behind a proxy it is at this path. Each event's `data` is one line
    of JSON with the fields of the REST row that it concerns. A reader that reconnects with `Last-Event-ID` misses none
    of the last 10,000 events; if that cannot be guaranteed, one event `reset` says that everything has to be read
    again.
    """

    permission_classes = (CanViewAccount,)
    query_serializer = StreamQuerySerializer

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        if request.method == "OPTIONS" and "Access-Control-Request-Method" in request.headers:
            return address.preflight(request)  # browsers send it without credentials
        return super().dispatch(request, *args, **kwargs)

    def perform_content_negotiation(self, request: Request, force: bool = False) -> Any:
        """Accept any Accept header: no renderer makes a stream, and errors are JSON."""
        return super().perform_content_negotiation(request, force=True)

    @extend_schema(
        summary="Follow what happens",
        operation_id="stream",
        parameters=[
            OpenApiParameter(
                "Last-Event-ID",
                str,
                OpenApiParameter.HEADER,
                description="The id of the last event that the reader has seen; browsers send it by themselves",
            )
        ],
        responses={
            (200, MEDIA_TYPE): OpenApiResponse(
                OpenApiTypes.STR,
                description="Lines `id:`, `event:`, `data:`, and a comment every 10 s. The events are in `x-events`",
                examples=[OpenApiExample("The beginning of a stream", EXAMPLE)],
            )
        },
    )
    def get(self, request: Request) -> HttpResponseBase:
        if not getattr(request._request, "is_at_stream_server", False):
            raise NotServedHere(f"Events are served at {address.stream_url(request._request)}.")
        if not address.is_own_origin(request._request):
            raise ForeignOrigin("Pages of other sites may not read the stream: see DJANGO_TRUSTED_ORIGINS.")
        rights = caller.rights_of(request.user)
        if rights is None:
            self.permission_denied(request)
        subscription = self._subscription(request, rights)
        if request.method != "HEAD":
            places.take(rights.user_id)
            request._request.has_place = True  # type: ignore[attr-defined]  # the server frees it
        return AdmittedReader(subscription)

    def _subscription(self, request: Request, rights: Rights) -> Subscription:
        asked = self.validated_query()
        kinds = asked.get("events", rights.kinds)
        if hidden := sorted(kinds - rights.kinds):
            raise PermissionDenied(f"events: this user may not see {', '.join(hidden)}.")
        instruments, unknown = query.resolve(asked["symbols"]) if "symbols" in asked else (None, [])
        return Subscription(
            caller.credential_of(request),
            rights,
            kinds,
            instruments,
            tuple(unknown),
            request.headers.get("Last-Event-ID", ""),
        )
