"""/api/broker/orders: today's order book; placing, changing and cancelling orders."""

from collections.abc import Sequence
from typing import Any, ClassVar, cast

from django.urls import reverse
from django.utils import timezone
from drf_spectacular.utils import OpenApiParameter, extend_schema, extend_schema_view
from rest_framework import serializers
from rest_framework.permissions import SAFE_METHODS
from rest_framework.request import Request
from rest_framework.response import Response

from broker import gateway
from broker.api.credentials import credential_of
from broker.api.order_serializers import (
    ORDER_EXAMPLE,
    ChangeOrderSerializer,
    IdempotencyKeyField,
    PlaceOrderSerializer,
)
from broker.api.permissions import CanTrade
from broker.cache_families import ORDER_HISTORY, ORDERS
from broker.errors import InvalidOrder, TradingDisabled, UnknownOrder
from broker.iifl.mapping.fields import ORDER_ID
from broker.models import OrderRequest
from broker.orders import services, switch
from broker.orders.services import OrderResult
from broker.values import AcceptedOrder, Order
from systemcache.cached_value import CachedValue
from systemcache.codec import encode
from systemcache.per_view import renderers
from systemcache.per_view.browsable import ItemRoute, KeyedForm
from systemcache.per_view.mixins import CachedView
from systemcache.per_view.openapi import typed_schema

KEY_HEADER = "Idempotency-Key"
REPEATED_HEADER = "Idempotent-Replayed"


def _key_parameter(needed: bool) -> OpenApiParameter:
    text = "A key that is unique to this request; repeating the request with the same key does not carry it out again."
    return OpenApiParameter(KEY_HEADER, str, OpenApiParameter.HEADER, required=needed, description=text)


def _answer_headers(status: int) -> list[OpenApiParameter]:
    texts = {
        "Location": "The order's address",
        REPEATED_HEADER: "true: this key was used before; it is the outcome of that request, and nothing was sent",
    }
    return [
        OpenApiParameter(name, str, OpenApiParameter.HEADER, description=text, response=[status])
        for name, text in texts.items()
    ]


class TradingView(CachedView):
    """Reading requires the family's permission, writing broker.trade; writes wait for the broker's answer."""

    exact_numbers = True  # see tradingsite/parsers.py

    def get_permissions(self) -> Sequence[Any]:
        return super().get_permissions() if self.request.method in SAFE_METHODS else [CanTrade()]


class OrdersView(TradingView):
    """Today's order book."""

    family = ORDERS
    read = staticmethod(gateway.orders)
    item_route = ItemRoute("order", "order_id")
    body_examples: ClassVar = {"post": ORDER_EXAMPLE}

    def keyed_form(self) -> KeyedForm:
        """Return the form that places an order; the trading switch may refuse it."""
        try:
            switch.require_open()
        except TradingDisabled as error:
            return KeyedForm(PlaceOrderSerializer(), "Place the order", str(error))
        return KeyedForm(PlaceOrderSerializer(), "Place the order")

    @extend_schema(
        summary="Place an order",
        description="Sent once, never repeated. A response means that the broker has accepted the order.",
        parameters=[_key_parameter(needed=True), *_answer_headers(201)],
        request=PlaceOrderSerializer,
        responses={201: typed_schema(AcceptedOrder)[200]},
    )
    def post(self, request: Request) -> Response:
        command = PlaceOrderSerializer(data=request.data)
        command.is_valid(raise_exception=True)
        key = _idempotency_key(request, needed=True)
        result = services.place(_user_id(request), key, **command.validated_data, credential=credential_of(request))
        return _response(result, status=201)


@extend_schema_view(get=extend_schema(operation_id="broker_order_history"))
class OrderView(TradingView):
    """The states that an order went through today."""

    family = ORDER_HISTORY
    body_examples: ClassVar = {"put": {"quantity": 10}}

    @staticmethod
    def read(order_id: str) -> CachedValue[list[Order]]:
        history = gateway.order_history(_check_order_id(order_id))
        if not history.value:
            raise UnknownOrder(order_id)
        return history

    @extend_schema(
        summary="Change an open order",
        description="Parameters that are not given stay as they are.",
        parameters=[_key_parameter(needed=False), *_answer_headers(200)],
        request=ChangeOrderSerializer,
        responses=typed_schema(AcceptedOrder),
    )
    def put(self, request: Request, order_id: str) -> Response:
        command = ChangeOrderSerializer(data=request.data)
        command.is_valid(raise_exception=True)
        return _response(
            services.change(
                _user_id(request),
                _idempotency_key(request),
                _check_order_id(order_id),
                **command.validated_data,
                credential=credential_of(request),
            )
        )

    @extend_schema(
        summary="Cancel an open order",
        description="Sent before all other calls that wait for the broker, whatever the trading switch says. "
        "`exchange` and `symbol` are empty if this site does not know the order.",
        parameters=[_key_parameter(needed=False), *_answer_headers(200)],
        request=None,
        responses=typed_schema(AcceptedOrder),
    )
    def delete(self, request: Request, order_id: str) -> Response:
        key, order_id = _idempotency_key(request), _check_order_id(order_id)
        return _response(services.cancel(_user_id(request), key, order_id, credential=credential_of(request)))


def _user_id(request: Request) -> int:
    return cast("int", request.user.pk)  # never None: the permission requires a login


def _idempotency_key(request: Request, *, needed: bool = False) -> Any:
    """Return the request's key; None if it has none and needs none."""
    sent = request.headers.get(KEY_HEADER)
    if sent is None and not needed:
        return None
    try:
        return IdempotencyKeyField(required=True).run_validation(serializers.empty if sent is None else sent)
    except serializers.ValidationError as error:
        raise serializers.ValidationError({KEY_HEADER: error.detail}) from None


def _check_order_id(order_id: str) -> str:
    if not ORDER_ID.fullmatch(order_id):
        raise InvalidOrder(
            {"order_id": ["An order number may hold letters, digits, - and _ only, at most 40 characters."]}
        )
    return order_id


def _response(result: OrderResult, status: int = 200) -> Response:
    address = reverse("order", args=[result.request.order_id]).removesuffix("/")
    headers = {"Cache-Control": "no-store", "Location": address}
    if result.repeated:
        headers[REPEATED_HEADER] = "true"
    return Response(renderers.StoredJSON(encode(_to_value(result.request))), status=status, headers=headers)


def _to_value(row: OrderRequest) -> AcceptedOrder:
    return AcceptedOrder(
        request=row.pk,
        action=row.action,
        order_id=row.order_id,
        exchange=row.exchange,
        symbol=row.symbol,
        tag=row.tag,
        sent_at=row.sent_at and timezone.localtime(row.sent_at),
        taken_at=row.taken_at and timezone.localtime(row.taken_at),
    )
