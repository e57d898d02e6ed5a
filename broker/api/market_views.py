"""/api/broker/{depth,openinterest,margin,span}: market depth, open interest, and margins that orders require."""

from typing import Any, ClassVar

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from broker import gateway
from broker.api.order_serializers import MARGIN_EXAMPLE, OrderMarginSerializer, SpanMarginSerializer
from broker.api.permissions import CanViewAccount
from broker.api.serializers import ExchangeField, SymbolField
from broker.cache_families import DEPTH, OPEN_INTEREST
from broker.values import Exchange, OrderMargin, SpanMargin
from systemcache.codec import encode
from systemcache.per_view import renderers
from systemcache.per_view.mixins import CachedView
from systemcache.per_view.openapi import typed_schema
from systemcache.per_view.validation import StrictView


class InstrumentQuerySerializer(serializers.Serializer[Any]):
    symbol = SymbolField()
    exchange = ExchangeField()


class DerivativeQuerySerializer(serializers.Serializer[Any]):
    symbol = SymbolField()
    exchange = ExchangeField(default=str(Exchange.NSEFO))


class DepthView(CachedView):
    """The best five bids and asks of an instrument."""

    family = DEPTH
    query_serializer = InstrumentQuerySerializer
    read = staticmethod(gateway.depth)


class OpenInterestView(CachedView):
    """Open contracts of a derivative."""

    family = OPEN_INTEREST
    query_serializer = DerivativeQuerySerializer
    read = staticmethod(gateway.open_interest)


class MarginView(StrictView):
    """The margin that an order would require given the current positions, in rupees. Nothing is ordered."""

    body_examples: ClassVar = {"post": MARGIN_EXAMPLE}

    permission_classes = (CanViewAccount,)
    exact_numbers = True  # see tradingsite/parsers.py

    @extend_schema(request=OrderMarginSerializer, responses=typed_schema(OrderMargin))
    def post(self, request: Request) -> Response:
        query = OrderMarginSerializer(data=request.data)
        query.is_valid(raise_exception=True)
        return _uncached_response(gateway.order_margin(**query.validated_data))


class SpanView(StrictView):
    """SPAN and exposure margin of a combination of derivatives by itself, in rupees. Nothing is ordered."""

    permission_classes = (CanViewAccount,)
    exact_numbers = True

    @extend_schema(request=SpanMarginSerializer, responses=typed_schema(SpanMargin))
    def post(self, request: Request) -> Response:
        query = SpanMarginSerializer(data=request.data)
        query.is_valid(raise_exception=True)
        legs = [(leg["symbol"], leg["exchange"], leg["side"], leg["quantity"]) for leg in query.validated_data["legs"]]
        return _uncached_response(gateway.span_margin(legs))


def _uncached_response(value: object) -> Response:
    """Build a response that no cache may store."""
    return Response(renderers.StoredJSON(encode(value)), headers={"Cache-Control": "no-store"})
