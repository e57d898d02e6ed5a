"""/api/broker/{depth,openinterest,margin,span}: one instrument's book, and what orders would need."""

from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from broker import gateway
from broker.order_fields import LegsQuery, MarginQuery
from broker.serializers import ExchangeField, SymbolField
from broker.values import Depth, Exchange, OpenInterest, OrderMargin, SpanMargin
from broker.views import AccountView
from systemcache import responses
from systemcache.codec import encode
from systemcache.openapi import dated_answer, typed_answer


class InstrumentQuery(serializers.Serializer[Any]):
    symbol = SymbolField()
    exchange = ExchangeField()


class DerivativeQuery(serializers.Serializer[Any]):
    symbol = SymbolField()
    exchange = ExchangeField(default=str(Exchange.NSEFO))


class DepthView(AccountView):
    """The best five bids and asks of an instrument."""

    @extend_schema(parameters=[InstrumentQuery], responses=dated_answer(Depth))
    def get(self, request: Request) -> Response:
        query = InstrumentQuery(data=request.query_params)
        query.is_valid(raise_exception=True)
        return responses.dated(gateway.depth(**query.validated_data))


class OpenInterestView(AccountView):
    """Open contracts of a derivative."""

    @extend_schema(parameters=[DerivativeQuery], responses=dated_answer(OpenInterest))
    def get(self, request: Request) -> Response:
        query = DerivativeQuery(data=request.query_params)
        query.is_valid(raise_exception=True)
        return responses.dated(gateway.open_interest(**query.validated_data))


class MarginView(AccountView):
    """What an order would need, in rupees, with the positions of this moment. Nothing is ordered."""

    @extend_schema(request=MarginQuery, responses=typed_answer(OrderMargin))
    def post(self, request: Request) -> Response:
        query = MarginQuery(data=request.data)
        query.is_valid(raise_exception=True)
        return _fresh(gateway.order_margin(**query.validated_data))


class SpanView(AccountView):
    """SPAN and exposure margin of a combination of derivatives, in rupees, by itself. Nothing is ordered."""

    @extend_schema(request=LegsQuery, responses=typed_answer(SpanMargin))
    def post(self, request: Request) -> Response:
        query = LegsQuery(data=request.data)
        query.is_valid(raise_exception=True)
        legs = [(leg["symbol"], leg["exchange"], leg["side"], leg["quantity"]) for leg in query.validated_data["legs"]]
        return _fresh(gateway.span_margin(legs))


def _fresh(value: object) -> Response:
    """An answer of this moment, kept nowhere."""
    return Response(responses.StoredJSON(encode(value)), headers={"Cache-Control": "no-store"})
