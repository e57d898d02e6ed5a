"""/api/system/trading: the trading switch."""

from typing import ClassVar, cast

import msgspec
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from broker.api.credentials import credential_of
from broker.api.permissions import CanTrade
from broker.models import TradingSwitch
from broker.orders import halt, switch
from broker.values import TradingAnswer, TradingState
from systemcache.codec import encode
from systemcache.per_view.openapi import typed_schema
from systemcache.per_view.renderers import StoredJSON
from systemcache.per_view.validation import KnownChoiceField, StrictSerializer, StrictView


class TradingSwitchSerializer(StrictSerializer):
    state = KnownChoiceField(TradingSwitch.State.values)
    reason = serializers.CharField(required=False, allow_blank=True, default="", max_length=200)


class TradingSwitchView(StrictView):
    """Whether orders may be placed and changed. Cancelling is never forbidden."""

    permission_classes = (CanTrade,)
    body_examples: ClassVar = {"put": {"state": "cancel_only", "reason": "The results are tonight"}}

    @extend_schema(summary="The trading switch", responses=typed_schema(TradingState))
    def get(self, request: Request) -> Response:
        return _response(switch.current())

    @extend_schema(
        summary="Open, restrict or halt trading",
        description="`cancel_only`: orders are only cancelled. `halted`: the same, and every open order is cancelled "
        "first; `halt` in the response lists what became of each.",
        request=TradingSwitchSerializer,
        responses=typed_schema(TradingAnswer),
    )
    def put(self, request: Request) -> Response:
        command = TradingSwitchSerializer(data=request.data)
        command.is_valid(raise_exception=True)
        state, reason = command.validated_data["state"], command.validated_data["reason"]
        user_id, credential = cast("int", request.user.pk), credential_of(request)
        if state == TradingSwitch.State.HALTED:
            outcome = halt.halt(user_id, reason=reason, credential=credential)
            return _response(TradingAnswer(**msgspec.structs.asdict(switch.current()), halt=outcome))
        switch.turn(state, user_id=user_id, reason=reason, credential=credential)
        return _response(switch.current())


def _response(value: TradingState) -> Response:
    return Response(StoredJSON(encode(value)), headers={"Cache-Control": "no-store"})
