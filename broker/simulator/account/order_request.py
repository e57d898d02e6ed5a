"""Reads and validates order requests, with the broker's error codes (iifl_api §4.1)."""

import re
from collections.abc import Mapping
from decimal import Decimal, InvalidOperation

import msgspec

from broker.simulator.candle_request import RefusedRequestError
from broker.simulator.codes import EXCHANGES
from broker.simulator.prices.contracts import Contract, Contracts

SHARES = frozenset({"NSEEQ", "BSEEQ"})
QUANTITY_IN_LOTS = frozenset({"MCXCOMM", "NSECOMM", "BSECOMM", "NCDEXCOMM"})
MAX_QUANTITY = 50_000_000
MAX_TAG_LENGTH = 50
PRODUCTS = ("NORMAL", "INTRADAY", "DELIVERY", "BNPL")
_NUMBER = re.compile(r"\d{1,12}(\.\d{1,4})?", re.ASCII)


class OrderRequest(msgspec.Struct, frozen=True):
    """A valid request; prices in paise, 0 where the order type has none."""

    contract: Contract
    side: str
    quantity: int
    product: str
    kind: str
    complexity: str
    validity: str
    price: int
    trigger: int
    disclosed: int
    protection: str
    tag: str


def read_order(body: object, contracts: Contracts) -> OrderRequest:
    """Read a request. Raises RefusedRequestError with the code of the first error."""
    if not isinstance(body, Mapping) or not body:
        raise RefusedRequestError("EC005")
    contract = _contract(body, contracts)
    kind = _one_of(body, "orderType", ("LIMIT", "MARKET", "SL"), missing="EC935", wrong="EC930")
    request = OrderRequest(
        contract=contract,
        side=_one_of(body, "transactionType", ("BUY", "SELL"), missing="EC907", wrong="EC929"),
        quantity=_quantity(_text(body, "quantity"), contract),
        product=_one_of(body, "product", PRODUCTS, missing="EC906", wrong="EC928"),
        kind=kind,
        complexity=_one_of(body, "orderComplexity", ("REGULAR", "AMO", "BO", "CO"), missing="EC942", wrong="EC943"),
        validity=_one_of(body, "validity", ("DAY", "IOC"), missing="EC944", wrong="EC932"),
        price=_price(body, "price", kind in ("LIMIT", "SL"), missing="EC950", wrong="EC957", zero="EC958"),
        trigger=_price(body, "slTriggerPrice", kind == "SL", missing="EC951", wrong="EC959", zero="EC960"),
        disclosed=_disclosed(body),
        protection=_protection(body, kind),
        tag=_text(body, "orderTag"),
    )
    _check_combinations(request)
    return request


def _check_combinations(request: OrderRequest) -> None:
    refusals = {
        "EC956": request.product in ("DELIVERY", "BNPL") and request.contract.exchange not in SHARES,
        "EC955": request.complexity in ("BO", "CO") and request.product != "INTRADAY",
        "EC971": len(request.tag) > MAX_TAG_LENGTH,
        "EC975": request.disclosed > request.quantity,
        "EC982": request.complexity == "AMO" and request.disclosed > 0,
        "EC996": request.complexity == "AMO" and request.validity == "IOC",
        "EC973": request.kind == "SL" and request.side == "BUY" and request.trigger >= request.price,
        "EC974": request.kind == "SL" and request.side == "SELL" and request.trigger <= request.price,
    }
    for code, applies in refusals.items():
        if applies:
            raise RefusedRequestError(code)


def _contract(body: Mapping[str, object], contracts: Contracts) -> Contract:
    exchange, number = _text(body, "exchange"), _text(body, "instrumentId")
    if not exchange or not number:
        raise RefusedRequestError("EC941" if exchange else "EC900")
    if exchange not in EXCHANGES:
        raise RefusedRequestError("EC901")
    contract = contracts.find(exchange, number)
    if contract is None or contract.is_index:
        raise RefusedRequestError("EC947" if number.isdigit() else "EC946")
    return contract


def _quantity(text: str, contract: Contract) -> int:
    if not text:
        raise RefusedRequestError("EC903")
    if not (text.isascii() and text.isdigit() and int(text[:12])):
        raise RefusedRequestError("EC949")
    quantity = int(text[:12])
    if quantity > MAX_QUANTITY:
        raise RefusedRequestError("EC948")
    lot = int(contract.lot_size) if contract.lot_size.isdigit() else 1
    if contract.exchange not in QUANTITY_IN_LOTS and lot > 1 and quantity % lot:
        raise RefusedRequestError("EC954")
    return quantity


def _price(body: Mapping[str, object], key: str, needed: bool, *, missing: str, wrong: str, zero: str) -> int:
    """Read a price in paise; one that the order type does not use is ignored, as in the documents' own example."""
    text = _text(body, key)
    if not needed:
        return 0
    if not text:
        raise RefusedRequestError(missing)
    if not _NUMBER.fullmatch(text):
        raise RefusedRequestError(wrong)
    if not Decimal(text):
        raise RefusedRequestError(zero)
    return round(Decimal(text) * 100)


def _disclosed(body: Mapping[str, object]) -> int:
    text = _text(body, "disclosedQuantity") or "0"
    if not (text.isascii() and text.isdigit()):
        raise RefusedRequestError("EC981")
    return int(text[:12])


def _protection(body: Mapping[str, object], kind: str) -> str:
    """Read the market protection, which MARKET orders require since April 2026 (iifl_api §3.5)."""
    text = _text(body, "marketProtectionPercent")
    try:
        percent = Decimal(text or 0)
    except InvalidOperation:
        raise RefusedRequestError("EC988") from None
    if not percent.is_finite() or percent < 0 or (kind == "MARKET" and not percent):
        raise RefusedRequestError("EC988")
    return text or "0.0"


def _one_of(body: Mapping[str, object], key: str, known: tuple[str, ...], *, missing: str, wrong: str) -> str:
    text = _text(body, key).upper()
    if not text:
        raise RefusedRequestError(missing)
    if text not in known:
        raise RefusedRequestError(wrong)
    return text


def _text(body: Mapping[str, object], key: str) -> str:
    value = body.get(key)
    return "" if value is None else str(value).strip()
