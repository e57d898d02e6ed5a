"""/api/watchlist, /api/signals and /api/settings."""

from typing import Any

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
from rest_framework.views import APIView
from rest_framework.viewsets import ModelViewSet

from systemcache.openapi import dated_answer, schema_of
from systemcache.responses import bare, dated_part, described
from systemcache.shortcut import ShortView
from watchlist import generation, market, reads, services
from watchlist.models import Signal, TradingSetting, WatchlistItem
from watchlist.queries import GenerateCommand, SettingCommand, SignalsQuery, WatchlistQuery
from watchlist.rows import SettingRow
from watchlist.serializers import SignalSerializer, WatchlistItemSerializer

ROW_NUMBER = "[0-9]{1,19}"  # another address does not exist
SETTINGS = {200: schema_of(list[SettingRow])}
SETTING_VALUES = {"application/json": schema_of(dict[str, bool | float | str])}


def valid(query: serializers.Serializer[Any]) -> dict[str, Any]:
    query.is_valid(raise_exception=True)
    return dict(query.validated_data)


@extend_schema_view(
    list=extend_schema(summary="Watched symbols", parameters=[WatchlistQuery]),
    create=extend_schema(summary="Watch a symbol"),
    retrieve=extend_schema(summary="One watched symbol"),
    update=extend_schema(summary="Replace a watched symbol"),
    partial_update=extend_schema(summary="Change a watched symbol"),
    destroy=extend_schema(summary="Stop watching a symbol"),
)
class WatchlistViewSet(ShortView, ModelViewSet[WatchlistItem]):
    """Watched symbols. Writing needs the model permissions, such as watchlist.add_watchlistitem."""

    queryset = WatchlistItem.objects.all()
    serializer_class = WatchlistItemSerializer
    permission_classes = (DjangoModelPermissions,)
    lookup_value_regex = ROW_NUMBER

    def list(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        return bare(reads.watchlist(**valid(WatchlistQuery(data=request.query_params))))


@extend_schema_view(
    list=extend_schema(summary="The latest signals", parameters=[SignalsQuery]),
    create=extend_schema(summary="Make a signal by hand"),
    retrieve=extend_schema(summary="One signal"),
    update=extend_schema(summary="Replace a signal, or decide on it"),
    partial_update=extend_schema(summary="Change a signal, or decide on it"),
    destroy=extend_schema(summary="Delete a signal"),
)
class SignalViewSet(ShortView, ModelViewSet[Signal]):
    """Proposals to trade.

    A pending signal is approved, rejected or expires; an approved one is executed, fails or expires; the rest is final.
    """

    queryset = Signal.objects.all()
    serializer_class = SignalSerializer
    permission_classes = (DjangoModelPermissions,)
    lookup_value_regex = ROW_NUMBER

    def list(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        query = valid(SignalsQuery(data=request.query_params))
        return bare(reads.signals_that_are(**query) if "status" in query else reads.signals(**query))

    @extend_schema(
        summary="Ask a strategy for a signal", request=GenerateCommand, responses=dated_answer(generation.Outcome)
    )
    @action(detail=False, methods=["post"], serializer_class=GenerateCommand)
    def generate(self, request: Request) -> Response:
        """Runs a strategy over the latest candles. What it proposes becomes a pending signal, unless one is pending."""
        asked = valid(GenerateCommand(data=request.data))
        contract = market.contract(asked["symbol"], asked["exchange"])
        generated = generation.generate(contract, asked["strategy"], asked["interval"])
        outcome = generation.keep(generated.value.proposal, contract, asked["strategy"], asked["interval"])
        return dated_part(generated, data=outcome)


class SettingsView(ShortView):
    """All trading settings."""

    queryset = TradingSetting.objects.all()
    permission_classes = (DjangoModelPermissions,)

    @extend_schema(summary="All trading settings", operation_id="api_settings_list", responses=SETTINGS)
    def get(self, request: Request) -> Response:
        return bare(reads.trading_settings())

    @extend_schema(
        summary="Change several settings",
        operation_id="api_settings_change",
        request=SETTING_VALUES,
        responses=SETTINGS,
    )
    def put(self, request: Request) -> Response:
        """All of the values given are taken, or none."""
        values = serializers.DictField(allow_empty=False).run_validation(request.data)
        try:
            services.change_settings(values=values)
        except ModelValidationError as error:
            raise serializers.ValidationError(serializers.as_serializer_error(error)) from error
        return self.get(request)


class SettingView(APIView):
    """One trading setting."""

    queryset = TradingSetting.objects.all()
    permission_classes = (DjangoModelPermissions,)

    @extend_schema(summary="One setting", responses={200: schema_of(SettingRow)})
    def get(self, request: Request, key: str) -> Response:
        fetched = reads.trading_settings()
        row = next((row for row in fetched.value if row.key == key), None)
        if row is None:
            raise Http404("There is no such setting.")
        return described(msgspec.to_builtins(row), fetched)

    @extend_schema(summary="Change one setting", request=SettingCommand, responses={200: schema_of(SettingRow)})
    def put(self, request: Request, key: str) -> Response:
        get_object_or_404(TradingSetting, key=key)
        value = valid(SettingCommand(data=request.data))["value"]
        try:
            services.change_settings(values={key: value})
        except ModelValidationError as error:
            raise serializers.ValidationError({"value": error.messages}) from error
        return self.get(request, key)
