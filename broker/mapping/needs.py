"""What orders would need: margin before an order (iifl_api §3.3), SPAN and exposure of a combination (§3.4)."""

from collections.abc import Sequence

from broker.errors import BrokerAnswerUnclear
from broker.mapping import envelope
from broker.mapping.fields import decimal, first, text
from broker.values import Leg, OrderMargin, SpanMargin


def legs_body(legs: Sequence[Leg]) -> list[dict[str, str | int]]:
    """The example sends this quantity, unlike all others, as a number."""
    return [
        {
            "instrumentId": leg.contract.instrument_id,
            "exchange": leg.contract.exchange,
            "transactionType": leg.side,
            "quantity": leg.quantity,
        }
        for leg in legs
    ]


def order_margin(answer: object) -> OrderMargin:
    row = envelope.record(answer)
    if "currentOrderMargin" not in row:
        raise BrokerAnswerUnclear("an order's margin without currentOrderMargin")
    verdict = text(first(row, ("rmsvalidationMessage", "rmsValidationCheck"))).upper()
    return OrderMargin(
        cash_available=decimal(row.get("totalCashAvailable")),
        used_before=decimal(row.get("preOrderMargin")),
        used_after=decimal(row.get("postOrderMargin")),
        required=decimal(row.get("currentOrderMargin")),
        allowed=verdict == "OK",
        shortfall=decimal(row.get("fundShort")),
    )


def span_margin(answer: object) -> SpanMargin:
    row = envelope.record(answer)
    if "totalMargin" not in row:
        raise BrokerAnswerUnclear("a combination's margin without totalMargin")
    return SpanMargin(
        span=decimal(row.get("span")),
        exposure=decimal(row.get("exposureMargin")),
        total=decimal(row.get("totalMargin")),
        buy_premium=decimal(row.get("buyPremium")),
    )
