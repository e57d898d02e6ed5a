"""What the broker's rules and a contract say of an order before it is sent (iifl_api §2, §3.5, §4.1).

Each function gives sentences by field; none when nothing is wrong.
"""

from collections.abc import Iterator
from datetime import date
from decimal import Decimal

from broker.values import Contract, Exchange, WantedOrder

SHARES = (Exchange.NSEEQ, Exchange.BSEEQ)
IN_LOTS = (Exchange.MCXCOMM, Exchange.NSECOMM, Exchange.BSECOMM, Exchange.NCDEXCOMM)
DISCLOSED_ON = (Exchange.NSEEQ, Exchange.BSEEQ, Exchange.MCXCOMM, Exchange.NSECURR, Exchange.BSECURR)  # EC970
PRICES = ("price", "trigger_price", "stop_loss_leg_price", "target_leg_price")

Errors = dict[str, list[str]]


def form_errors(wanted: WantedOrder, exchange: str) -> Errors:
    """What does not fit together, whatever the contract."""
    found = dict(_prices_of_the_kind(wanted)) | dict(_combinations(wanted, exchange))
    return {field: [sentence] for field, sentence in found.items()}


def market_errors(wanted: WantedOrder) -> Errors:
    """Since April 2026 a MARKET order says how far from the market it may be filled (iifl_api §3.5)."""
    protection = wanted.market_protection_percent
    if wanted.order_type == "MARKET" and not protection:
        return {"market_protection_percent": ["MARKET orders need one above 0, such as 0.5."]}
    if wanted.order_type != "MARKET" and protection is not None:
        return {"market_protection_percent": ["It is for MARKET orders."]}
    return {}


def contract_errors(wanted: WantedOrder, contract: Contract, today: date) -> Errors:
    """What the contract does not allow."""
    return {field: [sentence] for field, sentence in _against(contract, wanted, today)}


def _prices_of_the_kind(wanted: WantedOrder) -> Iterator[tuple[str, str]]:
    needed = {
        "price": wanted.order_type in ("LIMIT", "SL"),
        "trigger_price": wanted.order_type == "SL",
        "stop_loss_leg_price": wanted.complexity in ("BO", "CO"),
        "target_leg_price": wanted.complexity == "BO",
    }
    for field, is_needed in needed.items():
        if is_needed != (getattr(wanted, field) is not None):
            what = "need it" if is_needed else "do not take it"
            yield field, f"{wanted.complexity} {wanted.order_type} orders {what}."


def _combinations(wanted: WantedOrder, exchange: str) -> Iterator[tuple[str, str]]:
    if wanted.product in ("DELIVERY", "BNPL") and exchange not in SHARES:
        yield "product", "DELIVERY and BNPL are for NSEEQ and BSEEQ."  # EC956
    if wanted.complexity in ("BO", "CO") and wanted.product != "INTRADAY":
        yield "product", f"{wanted.complexity} orders are INTRADAY."  # EC955
    if wanted.complexity == "BO" and wanted.order_type == "MARKET":
        yield "order_type", "BO orders are LIMIT or SL."  # EC965
    if wanted.complexity == "CO" and wanted.order_type == "SL":
        yield "order_type", "CO orders are LIMIT or MARKET."  # EC989
    if wanted.complexity == "AMO" and wanted.validity == "IOC":
        yield "validity", "AMO orders are DAY."  # EC996
    yield from _triggers(wanted)
    yield from _disclosed(wanted, exchange)


def _triggers(wanted: WantedOrder) -> Iterator[tuple[str, str]]:
    if wanted.order_type != "SL" or wanted.price is None or wanted.trigger_price is None:
        return
    if wanted.side == "BUY" and wanted.trigger_price >= wanted.price:
        yield "trigger_price", "For a BUY it has to lie below the price."  # EC973
    if wanted.side == "SELL" and wanted.trigger_price <= wanted.price:
        yield "trigger_price", "For a SELL it has to lie above the price."  # EC974


def _disclosed(wanted: WantedOrder, exchange: str) -> Iterator[tuple[str, str]]:
    if not wanted.disclosed_quantity:
        return
    if wanted.complexity == "AMO":
        yield "disclosed_quantity", "AMO orders do not take it."  # EC982
    elif exchange not in DISCLOSED_ON:
        yield "disclosed_quantity", f"{exchange} does not take it."  # EC970
    elif wanted.disclosed_quantity > wanted.quantity:
        yield "disclosed_quantity", "It is larger than the quantity."  # EC975


def _against(contract: Contract, wanted: WantedOrder, today: date) -> Iterator[tuple[str, str]]:
    if contract.instrument_type == "INDEX":
        yield "symbol", f"{contract.trading_symbol} is an index: it cannot be traded."
    if contract.expiry and contract.expiry < today:
        yield "symbol", f"{contract.trading_symbol} expired on {contract.expiry}."
    lot = max(1, contract.lot_size)
    if contract.exchange not in IN_LOTS:
        for field in ("quantity", "disclosed_quantity"):
            if (getattr(wanted, field) or 0) % lot:
                yield field, f"It has to be a multiple of the lot of {lot}."  # EC954, EC991
    for field in PRICES:
        if not _on_tick(getattr(wanted, field), contract.tick_size):
            yield field, f"It has to be a multiple of the tick of {contract.tick_size}."


def _on_tick(price: Decimal | None, tick: Decimal | None) -> bool:
    return price is None or not tick or price % tick == 0
