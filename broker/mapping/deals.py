"""Placing, changing and cancelling orders (iifl_api §3.5): what is sent, and what the broker says of it."""

from decimal import Decimal

from broker.errors import BrokerAnswerUnclear
from broker.mapping import envelope
from broker.mapping.fields import moment, text
from broker.values import Contract, OrderChange, OrderReceipt, WantedOrder


def order_body(contract: Contract, wanted: WantedOrder) -> dict[str, str]:
    """As the broker takes orders: numbers as strings, nothing that is not set."""
    fields = {
        "instrumentId": contract.instrument_id,
        "exchange": contract.exchange,
        "transactionType": wanted.side,
        "quantity": str(wanted.quantity),
        "orderComplexity": wanted.complexity,
        "product": wanted.product,
        "orderType": wanted.order_type,
        "validity": wanted.validity,
        "price": _number(wanted.price),
        "slTriggerPrice": _number(wanted.trigger_price),
        "slLegPrice": _number(wanted.stop_loss_leg_price),
        "targetLegPrice": _number(wanted.target_leg_price),
        "disclosedQuantity": _number(wanted.disclosed_quantity),
        "marketProtectionPercent": _number(wanted.market_protection_percent),
        "orderTag": wanted.tag,
    }
    return {name: value for name, value in fields.items() if value}


def change_body(change: OrderChange) -> dict[str, str]:
    """Only what changes."""
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
    """Of one order, whether it comes alone or as a list of one. Raises BrokerRefused for a row with a code."""
    row = envelope.record(answer)
    order_id = text(row.get("brokerOrderId"))
    if not order_id:
        raise BrokerAnswerUnclear("an order without brokerOrderId")
    return OrderReceipt(order_id=order_id, taken_at=moment(row.get("requestTime")))


def _number(value: Decimal | int | None) -> str:
    return "" if value is None else f"{value:f}" if isinstance(value, Decimal) else str(value)
