"""Order and trade updates: one flat JSON object each, in which all values are text."""

from datetime import date, datetime

import msgspec

from broker.simulator.account.ledger import Fill, Order
from broker.simulator.rows.books import trade_id
from broker.simulator.wire import Row, rupee_text, stamp

_DAY_ZERO = date(1899, 12, 30)  # of the serial numbers
_ZERO = "0.0"


def order_update(order: Order, client_id: str, *, dates_as_text: bool = False) -> bytes:
    """Encode an order as it is; unlike the books' rows it has no exchange."""
    updated = stamp(order.updated or order.at)
    is_rejected = order.status == "rejected"
    row: Row = {
        "clientId": client_id,
        "validity": order.validity,
        "orderComplexity": order.complexity,
        "product": order.product,
        "orderType": order.kind,
        "tradingSymbol": order.contract.trading_symbol,
        "transactionType": order.side,
        "instrumentId": order.contract.instrument_id,
        "price": _price(order.price),
        "slTriggerPrice": _price(order.trigger),
        "quantity": str(order.quantity),
        "disclosedQuantity": str(order.disclosed),
        "cancelledQuantity": str(order.cancelled),
        "algoId": "",
        "marketProtectionPercent": order.protection,
        "placedBy": client_id,
        "averageTradedPrice": rupee_text(order.average) if order.filled else _ZERO,
        "filledQuantity": str(order.filled),
        "pendingQuantity": str(order.pending if order.is_working else 0),
        "brokerOrderId": order.number,
        "exchangeOrderId": "" if is_rejected else f"11{order.number}",
        "rejectionReason": order.reason,
        "orderStatus": order.status,
        "exchangeTimestamp": "" if is_rejected else stamp(order.at),
        "exchangeUpdateTime": "" if is_rejected else updated,
        "mainLegOrderId": "NA",
        "validityDate": _date_text(order.at) if dates_as_text else str(_day_number(order.at)),
        "source": "API",
        "comments": f"{order.tag or 'NA'}~SIMULATED~SELF",
        "brokerUpdateTime": updated,
    }
    return msgspec.json.encode(row)


def trade_update(
    order: Order,
    position: int,
    fill: Fill,
    client_id: str,
    *,
    side_in_words: bool = False,
    dates_as_text: bool = False,
) -> bytes:
    """Encode one fill; `position` is its place among the order's fills, from 0."""
    row: Row = {
        "tradedPrice": _price(fill.price),
        "filledQuantity": str(fill.quantity),
        "exchangeTradeId": trade_id(order, position),
        "instrumentId": order.contract.instrument_id,
        "exchange": order.contract.exchange,
        "clientId": client_id,
        "orderComplexity": order.complexity,
        "product": order.product,
        "tradingSymbol": order.contract.trading_symbol,
        "fillDate": _date_text(fill.at) if dates_as_text else str(_day_number(fill.at)),
        "fillTime": f"{fill.at:%H:%M:%S}" if dates_as_text else _day_share(fill.at),
        "brokerOrderId": order.number,
        "exchangeOrderId": f"11{order.number}",
        "transactionType": order.side if side_in_words else order.side[:1],
        "orderType": order.kind,
        "placedBy": client_id,
        "algoId": "",
    }
    return msgspec.json.encode(row)


def _price(paise: int) -> str:
    return rupee_text(paise) if paise else _ZERO


def _day_number(at: datetime) -> int:
    return (at.date() - _DAY_ZERO).days


def _day_share(at: datetime) -> str:
    seconds = at.hour * 3600 + at.minute * 60 + at.second
    return f"{seconds / 86_400:.15f}".rstrip("0") if seconds else "0"


def _date_text(at: datetime) -> str:
    return f"{at.month}/{at.day}/{at.year}"
