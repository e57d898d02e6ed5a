"""/api/broker/orders: today's book, and placing, changing and cancelling."""

from collections.abc import Sequence
from typing import Any, cast

from django.utils import timezone
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.permissions import SAFE_METHODS
from rest_framework.request import Request
from rest_framework.response import Response

from broker import gateway, orders
from broker.client import ORDER_ID
from broker.errors import InvalidOrder, UnknownOrder
from broker.models import OrderRequest
from broker.order_fields import ChangeCommand, KeyField, PlaceCommand
from broker.orders import Done
from broker.permissions import Trades
from broker.values import Order, OrderAnswer
from broker.views import AccountView, BookView
from systemcache import responses
from systemcache.codec import encode
from systemcache.openapi import dated_answer, typed_answer

KEY_HEADER = "Idempotency-Key"
REPEATED_HEADER = "Idempotent-Replayed"


def _described(needed: bool) -> OpenApiParameter:
    text = "A name of the caller's own for this one request: repeating it with the same key does nothing twice."
    return OpenApiParameter(KEY_HEADER, str, OpenApiParameter.HEADER, required=needed, description=text)


class TradingView(AccountView):
    """Reading needs broker.view_account, writing broker.trade; what is written is answered once the broker has."""

    def get_permissions(self) -> Sequence[Any]:
        return super().get_permissions() if self.request.method in SAFE_METHODS else [Trades()]


class OrdersView(TradingView, BookView):
    """Today's order book."""

    @extend_schema(responses=dated_answer(list[Order]))
    def get(self, request: Request) -> Response:
        return responses.dated(gateway.orders())

    @extend_schema(
        summary="Place an order",
        description="Sent once, never repeated. When this is answered the broker has taken it; the book has its fate.",
        parameters=[_described(needed=True)],
        request=PlaceCommand,
        responses={201: typed_answer(OrderAnswer)[200]},
    )
    def post(self, request: Request) -> Response:
        command = PlaceCommand(data=request.data)
        command.is_valid(raise_exception=True)
        done = orders.place(_caller(request), _key(request, needed=True), **command.validated_data)
        return _answer(done, status=201)


class OrderView(TradingView):
    """The states that an order went through today."""

    @extend_schema(operation_id="broker_order_history", responses=dated_answer(list[Order]))
    def get(self, request: Request, order_id: str) -> Response:
        found = gateway.order_history(_checked(order_id))
        if not found.value:
            raise UnknownOrder(order_id)
        return responses.dated(found)

    @extend_schema(
        summary="Change an order that waits",
        description="Only what is said changes.",
        parameters=[_described(needed=False)],
        request=ChangeCommand,
        responses=typed_answer(OrderAnswer),
    )
    def put(self, request: Request, order_id: str) -> Response:
        command = ChangeCommand(data=request.data)
        command.is_valid(raise_exception=True)
        return _answer(orders.change(_caller(request), _key(request), _checked(order_id), **command.validated_data))

    @extend_schema(
        summary="Cancel an order that waits",
        parameters=[_described(needed=False)],
        request=None,
        responses=typed_answer(OrderAnswer),
    )
    def delete(self, request: Request, order_id: str) -> Response:
        return _answer(orders.cancel(_caller(request), _key(request), _checked(order_id)))


def _caller(request: Request) -> int:
    return cast("int", request.user.pk)  # the permission has seen to it that it is somebody


def _key(request: Request, *, needed: bool = False) -> Any:
    """The caller's name for the request; None for none, where none is needed."""
    sent = request.headers.get(KEY_HEADER)
    if sent is None and not needed:
        return None
    try:
        return KeyField(required=True).run_validation(serializers.empty if sent is None else sent)
    except serializers.ValidationError as error:
        raise serializers.ValidationError({KEY_HEADER: error.detail}) from None


def _checked(order_id: str) -> str:
    if not ORDER_ID.fullmatch(order_id):
        raise InvalidOrder({"order_id": ["An order's number holds letters, digits, - and _ only, 40 at the most."]})
    return order_id


def _answer(done: Done, status: int = 200) -> Response:
    headers = {"Cache-Control": "no-store", "Location": f"/api/broker/orders/{done.request.order_id}"}
    if done.repeated:
        headers[REPEATED_HEADER] = "true"
    return Response(responses.StoredJSON(encode(_shown(done.request))), status=status, headers=headers)


def _shown(row: OrderRequest) -> OrderAnswer:
    return OrderAnswer(
        request=row.pk,
        action=row.action,
        order_id=row.order_id,
        exchange=row.exchange,
        symbol=row.symbol,
        tag=row.tag,
        sent_at=row.sent_at and timezone.localtime(row.sent_at),
        taken_at=row.taken_at and timezone.localtime(row.taken_at),
    )
