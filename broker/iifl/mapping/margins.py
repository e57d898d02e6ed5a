"""Maps the margin of an order (iifl_api §3.3), and SPAN and exposure of a combination (§3.4)."""

from collections.abc import Sequence

from broker.errors import BrokerAnswerUnclear
from broker.iifl.mapping import envelope
from broker.iifl.mapping.fields import amount, first_filled, required, text
from broker.values import Leg, OrderMargin, SpanMargin


def legs_body(legs: Sequence[Leg]) -> list[dict[str, str | int]]:
    """Send the quantity as a number, as the documents' example does here but nowhere else."""
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
    verdict = text(first_filled(row, ("rmsvalidationMessage", "rmsValidationCheck"))).upper()
    return OrderMargin(
        cash_available=amount(row.get("totalCashAvailable")),
        used_before=amount(row.get("preOrderMargin")),
        used_after=amount(row.get("postOrderMargin")),
        required=required(amount, row, ("currentOrderMargin",), "An order's margin"),
        allowed=verdict == "OK" if verdict else None,
        shortfall=amount(row.get("fundShort")),
    )


def span_margin(answer: object) -> SpanMargin:
    row = envelope.record(answer)
    if "totalMargin" not in row:
        raise BrokerAnswerUnclear("a combination's margin without totalMargin")
    return SpanMargin(
        span=amount(row.get("span")),
        exposure=amount(row.get("exposureMargin")),
        total=required(amount, row, ("totalMargin",), "A combination's margin"),
        buy_premium=amount(row.get("buyPremium")),
    )
