"""/api/watchlist, /api/signals and /api/settings."""

from typing import Any, ClassVar

import msgspec
from django.core.exceptions import ValidationError as ModelValidationError
from django.http import Http404
from django.shortcuts import get_object_or_404
from drf_spectacular.utils import extend_schema, extend_schema_view
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.permissions import DjangoModelPermissions
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.viewsets import ModelViewSet

from systemcache.per_view.browsable import ItemRoute
from systemcache.per_view.mixins import CachedListMixin, CachedView
from systemcache.per_view.openapi import dated_schema, schema_of, typed_schema
from systemcache.per_view.responses import dated_part_response, part_response
from watchlist import generation, quotes, selectors, services
from watchlist.cache_families import SETTINGS, SIGNALS, WATCHLIST
from watchlist.models import Signal, TradingSetting, WatchlistItem
from watchlist.request_serializers import (
    GenerateSignalSerializer,
    SettingValueSerializer,
    SignalsQuerySerializer,
    WatchlistQuerySerializer,
)
from watchlist.schemas import SettingSchema
from watchlist.serializers import SignalSerializer, WatchlistItemSerializer

ROW_NUMBER = "[0-9]{1,19}"  # another address does not exist
SETTING_VALUES = {"application/json": schema_of(dict[str, bool | float | str])}


def valid(query: serializers.Serializer[Any]) -> dict[str, Any]:
    query.is_valid(raise_exception=True)
    return dict(query.validated_data)


@extend_schema_view(
    list=extend_schema(summary="Watched symbols"),
    create=extend_schema(summary="Watch a symbol"),
    retrieve=extend_schema(summary="One watched symbol"),
    update=extend_schema(summary="Replace a watched symbol"),
    partial_update=extend_schema(summary="Change a watched symbol"),
    destroy=extend_schema(summary="Stop watching a symbol"),
)
class WatchlistViewSet(CachedListMixin, ModelViewSet[WatchlistItem]):
    """Watched symbols. Writing requires the model permissions, such as watchlist.add_watchlistitem."""

    queryset = WatchlistItem.objects.all()
    serializer_class = WatchlistItemSerializer
    permission_classes = (DjangoModelPermissions,)
    lookup_value_regex = ROW_NUMBER
    family = WATCHLIST
    query_serializer = WatchlistQuerySerializer
    read = staticmethod(selectors.watchlist)
    item_route = ItemRoute("watchlist-detail", "id")
    body_examples: ClassVar = {
        "create": {"symbol": "INFY", "category": "long_term", "target_price": "1450.00", "notes": "After the results"},
        "update": {"symbol": "INFY", "category": "hold", "notes": "Bought"},
        "partial_update": {"is_active": False},
    }
    bare_until_0_5 = True


@extend_schema_view(
    list=extend_schema(summary="The latest signals"),
    create=extend_schema(summary="Make a signal by hand"),
    retrieve=extend_schema(summary="One signal"),
    update=extend_schema(summary="Replace a signal, or decide on it"),
    partial_update=extend_schema(summary="Change a signal, or decide on it"),
    destroy=extend_schema(summary="Delete a signal"),
)
class SignalViewSet(CachedListMixin, ModelViewSet[Signal]):
    """Proposals to trade.

    A pending signal is approved, rejected or expires; an approved one is executed, fails or expires; the rest is final.
    Approving places no order: whoever places it at POST /api/broker/orders sets `executed` and `order_id` here.
    """

    queryset = Signal.objects.all()
    serializer_class = SignalSerializer
    permission_classes = (DjangoModelPermissions,)
    lookup_value_regex = ROW_NUMBER
    family = SIGNALS
    query_serializer = SignalsQuerySerializer
    read = staticmethod(selectors.signals)
    item_route = ItemRoute("signals-detail", "id")
    body_examples: ClassVar = {
        "create": {
            "symbol": "INFY",
            "signal_type": "buy",
            "quantity": 5,
            "price": "1480.00",
            "reason": "A new contract",
        },
        "update": {"symbol": "INFY", "signal_type": "buy", "quantity": 10},
        "partial_update": {"status": "approved"},
        "generate": {"symbol": "RELIANCE", "strategy": "sma_cross", "interval": "1d"},
    }
    bare_until_0_5 = True

    @extend_schema(
        summary="Ask a strategy for a signal",
        request=GenerateSignalSerializer,
        responses=dated_schema(generation.GenerationResult),
    )
    @action(detail=False, methods=["post"], serializer_class=GenerateSignalSerializer)
    def generate(self, request: Request) -> Response:
        """Run a strategy over the latest candles. Its proposal becomes a pending signal unless there is one already."""
        params = valid(GenerateSignalSerializer(data=request.data))
        contract = quotes.find_contract(params["symbol"], params["exchange"])
        generated = generation.generate(contract, params["strategy"], params["interval"])
        outcome = generation.create_signal(generated.value, contract, params["strategy"], params["interval"])
        return dated_part_response(request, generated, data=outcome)


@extend_schema_view(get=extend_schema(summary="All trading settings", operation_id="api_settings_list"))
class SettingsView(CachedView):
    """All trading settings."""

    queryset = TradingSetting.objects.all()
    permission_classes = (DjangoModelPermissions,)
    family = SETTINGS
    read = staticmethod(selectors.trading_settings)
    item_route = ItemRoute("setting", "key")
    body_examples: ClassVar = {"put": {"max_positions": 5, "signal_timeout": 60}}
    bare_until_0_5 = True

    @extend_schema(
        summary="Change several settings",
        operation_id="api_settings_change",
        request=SETTING_VALUES,
        responses=dated_schema(list[SettingSchema]),
    )
    def put(self, request: Request) -> Response:
        """Change all of the given settings, or none."""
        values = serializers.DictField(allow_empty=False).run_validation(request.data)
        try:
            services.change_settings(values=values)
        except ModelValidationError as error:
            raise serializers.ValidationError(serializers.as_serializer_error(error)) from error
        return self.respond()


class SettingView(CachedView):
    """One trading setting."""

    body_examples: ClassVar = {"put": {"value": 5}}

    queryset = TradingSetting.objects.all()
    permission_classes = (DjangoModelPermissions,)
    family = SETTINGS

    @extend_schema(summary="One setting", responses=typed_schema(SettingSchema))
    def get(self, request: Request, key: str) -> Response:
        settings = selectors.trading_settings()
        row = next((row for row in settings.value if row.key == key), None)
        if row is None:
            raise Http404("There is no such setting.")
        return part_response(request, settings, msgspec.to_builtins(row))

    @extend_schema(summary="Change one setting", request=SettingValueSerializer, responses=typed_schema(SettingSchema))
    def put(self, request: Request, key: str) -> Response:
        get_object_or_404(TradingSetting, key=key)
        value = valid(SettingValueSerializer(data=request.data))["value"]
        try:
            services.change_settings(values={key: value})
        except ModelValidationError as error:
            raise serializers.ValidationError({"value": error.messages}) from error
        return self.get(request, key)
