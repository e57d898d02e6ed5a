"""Maps the requests that place and change orders, and the broker's receipts (iifl_api §3.5)."""

from decimal import Decimal

from broker.errors import BrokerAnswerUnclear
from broker.iifl.mapping import envelope
from broker.iifl.mapping.fields import moment, order_id
from broker.values import Contract, OrderChange, OrderParams, OrderReceipt


def order_body(contract: Contract, params: OrderParams) -> dict[str, str]:
    """Build an order's body: numbers as strings, without fields that are not set."""
    fields = {
        "instrumentId": contract.instrument_id,
        "exchange": contract.exchange,
        "transactionType": params.side,
        "quantity": str(params.quantity),
        "orderComplexity": params.complexity,
        "product": params.product,
        "orderType": params.order_type,
        "validity": params.validity,
        "price": _number(params.price),
        "slTriggerPrice": _number(params.trigger_price),
        "slLegPrice": _number(params.stop_loss_leg_price),
        "targetLegPrice": _number(params.target_leg_price),
        "disclosedQuantity": _number(params.disclosed_quantity),
        "marketProtectionPercent": _number(params.market_protection_percent),
        "orderTag": params.tag,
    }
    return {name: value for name, value in fields.items() if value}


def change_body(change: OrderChange) -> dict[str, str]:
    """Build a body of only what changes."""
    fields = {
        "quantity": _number(change.quantity),
        "orderType": change.order_type or "",
        "price": _number(change.price),
        "slTriggerPrice": _number(change.trigger_price),
        "validity": change.validity or "",
        "disclosedQuantity": _number(change.disclosed_quantity),
        "marketProtectionPercent": _number(change.market_protection_percent),
    }
    return {name: value for name, value in fields.items() if value}


def receipt(answer: object) -> OrderReceipt:
    """Map the receipt of one order. Raises BrokerRefused for a row with an EC code."""
    row = envelope.record(answer)
    number = order_id(row.get("brokerOrderId"))
    if not number:
        raise BrokerAnswerUnclear("an order without brokerOrderId")
    return OrderReceipt(order_id=number, taken_at=moment(row.get("requestTime")))


def _number(value: Decimal | int | None) -> str:
    return "" if value is None else f"{value:f}" if isinstance(value, Decimal) else str(value)
