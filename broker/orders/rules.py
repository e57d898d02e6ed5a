"""Checks an order against the broker's rules and the contract before it is sent (iifl_api §2, §3.5, §4.1).

Each function returns messages by field, and none for a valid order.
"""

from collections.abc import Iterator
from datetime import date

from broker.values import Contract, Exchange, OrderParams

SHARE_EXCHANGES = (Exchange.NSEEQ, Exchange.BSEEQ)
QUANTITY_IN_LOTS = (Exchange.MCXCOMM, Exchange.NSECOMM, Exchange.BSECOMM, Exchange.NCDEXCOMM)
DISCLOSED_QUANTITY_EXCHANGES = (
    Exchange.NSEEQ,
    Exchange.BSEEQ,
    Exchange.MCXCOMM,
    Exchange.NSECURR,
    Exchange.BSECURR,
)  # EC970
PRICE_FIELDS = ("price", "trigger_price", "stop_loss_leg_price", "target_leg_price")

Errors = dict[str, list[str]]


def form_errors(params: OrderParams, exchange: str) -> Errors:
    """Check the parameters against each other, whatever the contract."""
    errors = dict(_price_errors(params)) | dict(_combination_errors(params, exchange))
    return {field: [message] for field, message in errors.items()}


def market_errors(params: OrderParams) -> Errors:
    """Require a market protection for MARKET orders, as the broker does since April 2026 (iifl_api §3.5)."""
    protection = params.market_protection_percent
    if params.order_type == "MARKET" and not protection:
        return {"market_protection_percent": ["MARKET orders require a value above 0, such as 0.5."]}
    if params.order_type != "MARKET" and protection is not None:
        return {"market_protection_percent": ["Only MARKET orders take it."]}
    return {}


def contract_errors(params: OrderParams, contract: Contract, today: date) -> Errors:
    """Check the parameters against the contract."""
    return {field: [message] for field, message in _contract_errors(contract, params, today)}


def _price_errors(params: OrderParams) -> Iterator[tuple[str, str]]:
    needed = {
        "price": params.order_type in ("LIMIT", "SL"),
        "trigger_price": params.order_type == "SL",
        "stop_loss_leg_price": params.complexity in ("BO", "CO"),
        "target_leg_price": params.complexity == "BO",
    }
    for field, is_needed in needed.items():
        if is_needed != (getattr(params, field) is not None):
            verb = "require it" if is_needed else "do not take it"
            yield field, f"{params.complexity} {params.order_type} orders {verb}."


def _combination_errors(params: OrderParams, exchange: str) -> Iterator[tuple[str, str]]:
    if params.product in ("DELIVERY", "BNPL") and exchange not in SHARE_EXCHANGES:
        yield "product", "DELIVERY and BNPL are for NSEEQ and BSEEQ only."  # EC956
    if params.complexity in ("BO", "CO") and params.product != "INTRADAY":
        yield "product", f"{params.complexity} orders must be INTRADAY."  # EC955
    if params.complexity == "BO" and params.order_type == "MARKET":
        yield "order_type", "BO orders must be LIMIT or SL."  # EC965
    if params.complexity == "CO" and params.order_type == "SL":
        yield "order_type", "CO orders must be LIMIT or MARKET."  # EC989
    if params.complexity == "AMO" and params.validity == "IOC":
        yield "validity", "AMO orders must be DAY."  # EC996
    yield from _trigger_errors(params)
    yield from _disclosed_quantity_errors(params, exchange)


def _trigger_errors(params: OrderParams) -> Iterator[tuple[str, str]]:
    if params.order_type != "SL" or params.price is None or params.trigger_price is None:
        return
    if params.side == "BUY" and params.trigger_price >= params.price:
        yield "trigger_price", "For a BUY it must be below the price."  # EC973
    if params.side == "SELL" and params.trigger_price <= params.price:
        yield "trigger_price", "For a SELL it must be above the price."  # EC974


def _disclosed_quantity_errors(params: OrderParams, exchange: str) -> Iterator[tuple[str, str]]:
    if not params.disclosed_quantity:
        return
    if params.complexity == "AMO":
        yield "disclosed_quantity", "AMO orders do not take it."  # EC982
    elif exchange not in DISCLOSED_QUANTITY_EXCHANGES:
        yield "disclosed_quantity", f"{exchange} does not take it."  # EC970
    elif params.disclosed_quantity > params.quantity:
        yield "disclosed_quantity", "It is larger than the quantity."  # EC975


def _contract_errors(contract: Contract, params: OrderParams, today: date) -> Iterator[tuple[str, str]]:
    if contract.instrument_type == "INDEX":
        yield "symbol", f"{contract.trading_symbol} is an index, which cannot be traded."
    if contract.expiry and contract.expiry < today:
        yield "symbol", f"{contract.trading_symbol} expired on {contract.expiry}."
    lot = max(1, contract.lot_size or 1)
    if contract.exchange not in QUANTITY_IN_LOTS:
        for field in ("quantity", "disclosed_quantity"):
            if (getattr(params, field) or 0) % lot:
                yield field, f"It must be a multiple of the lot size, {lot}."  # EC954, EC991
    for field in PRICE_FIELDS:
        if contract.tick_size and (getattr(params, field) or 0) % contract.tick_size:
            yield field, f"It must be a multiple of the tick size, {contract.tick_size}."
