"""Maps the account: profile, margins, holdings, positions, orders, trades."""

from decimal import Decimal

import msgspec

from broker import money
from broker.errors import BrokerAnswerUnclear
from broker.iifl.mapping import envelope, order_words
from broker.iifl.mapping.contracts import book_symbol
from broker.iifl.mapping.costs import PositionCost
from broker.iifl.mapping.fields import (
    Row,
    amount,
    average,
    first_filled,
    flag,
    known_or_blank,
    moment,
    optional_decimal,
    order_id,
    price,
    price_or_zero,
    quantity,
    required,
    text,
    unreadable,
    whole_number,
)
from broker.values import Exchange, Holding, Margins, Order, OrderStatus, Position, Profile, Trade

MARGIN_FIELDS = {
    "trading_limit": "tradingLimit",
    "opening_cash": "openingCashLimit",
    "intraday_payin": "intradayPayin",
    "collateral_margin": "collateralMargin",
    "credit_for_sell": "creditForSell",
    "adhoc_margin": "adhocMargin",
    "utilized_margin": "utilizedMargin",
    "blocked_for_payout": "blockedForPayout",
    "utilized_span_margin": "utilizedSpanMargin",
    "utilized_exposure_margin": "utilizedExposureMargin",
}

OF_AN_ORDER = (
    *("brokerOrderId", "exchangeOrderId", "instrumentId", "tradingSymbol", "orderTag", "orderStatus"),
    *("transactionType", "quantity"),
)


def profile(answer: object) -> Profile:
    row = envelope.record(answer)
    if "clientId" not in row:
        raise BrokerAnswerUnclear("a profile without clientId")
    return Profile(
        client_id=text(row.get("clientId")),
        name=text(row.get("clientName")),
        email=text(row.get("email")),
        phone=text(row.get("phoneNumber")),
        account_status=text(row.get("accountStatus")),
        totp_enabled=flag(row.get("isTotpEnabled")),
        poa_provided=flag(row.get("isPoaProvided")),
        exchanges=_text_list(row.get("exchanges")),
        products=_text_list(row.get("products")),
        order_complexities=_text_list(row.get("orderComplexity")),
    )


def margins(answer: object) -> Margins:
    row = envelope.record(answer)
    if "tradingLimit" not in row:
        raise BrokerAnswerUnclear("limits without tradingLimit")
    amounts = {name: known_or_blank(amount, row, sent, "The limits") for name, sent in MARGIN_FIELDS.items()}
    return Margins(**amounts)


def has_funds(margins: Margins) -> bool:
    return any(getattr(margins, name) for name in MARGIN_FIELDS)


def add_margins(one: Margins, other: Margins) -> Margins:
    """Add them up; an amount that is unknown in one of them is unknown in the sum."""
    pairs = {name: (getattr(one, name), getattr(other, name)) for name in MARGIN_FIELDS}
    return Margins(**{name: None if None in pair else sum(pair) for name, pair in pairs.items()})


def holdings(answer: object) -> list[Holding]:
    """Skip rows without a name: a row that holds only a status is not a holding."""
    return [
        _holding(row)
        for row in envelope.rows(answer)
        if text(first_filled(row, ("isin", "nseTradingSymbol", "bseTradingSymbol")))
    ]


def _holding(row: Row) -> Holding:
    at_nse, at_bse = (_is_listed(row, place) for place in ("nse", "bse"))
    on_nse = at_nse or (bool(text(row.get("nseTradingSymbol"))) and not at_bse)
    trading_symbol = text(row.get("nseTradingSymbol" if on_nse else "bseTradingSymbol"))
    exchange = Exchange.NSEEQ if on_nse else Exchange.BSEEQ
    return _with_cost(
        Holding(
            isin=text(row.get("isin")),
            symbol=book_symbol(exchange, trading_symbol),
            trading_symbol=trading_symbol,
            exchange=exchange,
            instrument_id=text(row.get("nseInstrumentId" if on_nse else "bseInstrumentId")),
            nse_instrument_id=text(row.get("nseInstrumentId")),
            bse_instrument_id=text(row.get("bseInstrumentId")),
            name=text(row.get("formattedInstrumentName")),
            product=text(row.get("product")),
            quantity=_total_quantity(row, f"The holding {trading_symbol or text(row.get('isin'))}"),
            dp_quantity=quantity(row.get("dpQuantity")),
            t1_quantity=quantity(row.get("t1Quantity")),
            collateral_quantity=quantity(row.get("collateralQuantity")),
            authorized_quantity=quantity(row.get("authorizedQuantity")),
            average_price=average(row.get("averageTradedPrice")),
            previous_close=price(row.get("previousDayClose")),
        ),
        optional_decimal(row.get("averageTradedPrice")),
    )


def _is_listed(row: Row, place: str) -> bool:
    """Whether the row has all that names the share's contract there."""
    return bool(text(row.get(f"{place}TradingSymbol")) and text(row.get(f"{place}InstrumentId")))


def _total_quantity(row: Row, what: str) -> int | Decimal:
    """Return the total, which is settled plus unsettled where it cannot be read (iifl_api §3.6)."""
    total, settled, unsettled = (quantity(row.get(name)) for name in ("totalQuantity", "dpQuantity", "t1Quantity"))
    if total is not None:
        return total
    if settled is None or unsettled is None:
        raise unreadable("totalQuantity", row.get("totalQuantity"), what)
    return settled + unsettled


def _with_cost(holding: Holding, average: Decimal | None) -> Holding:
    """Compute the cost from the average as it was sent, which may have more places than are shown."""
    if not average:
        return holding
    return msgspec.structs.replace(holding, invested=money.rupees(money.WIDE.multiply(holding.held_quantity, average)))


def positions(answer: object) -> list[Position]:
    return [_position(row) for row in envelope.rows(answer) if _has_instrument(row)]


def _position(row: Row) -> Position:
    exchange = text(row.get("exchange"))
    cost = PositionCost(row)
    return Position(
        invested=cost.invested,
        pnl=cost.realized,
        symbol=_symbol(row),
        trading_symbol=text(row.get("tradingSymbol")),
        name=text(row.get("formattedInstrumentName")),
        exchange=exchange,
        instrument_id=text(row.get("instrumentId")),
        product=text(row.get("product")),
        net_quantity=cost.net,
        net_average_price=average(row.get("netAveragePrice"), exchange),
        overnight_quantity=cost.overnight,
        overnight_price=average(row.get("overnightPrice"), exchange),
        buy_quantity=whole_number(row.get("buyQuantity")),
        buy_price=average(row.get("buyPrice"), exchange),
        sell_quantity=whole_number(row.get("sellQuantity")),
        sell_price=average(row.get("sellPrice"), exchange),
        day_buy_quantity=cost.day_buys,
        day_buy_value=cost.day_buy_value,
        day_sell_quantity=cost.day_sells,
        day_sell_value=cost.day_sell_value,
        multiplier=cost.multiplier,
        lot_size=whole_number(row.get("lotSize")),
        realized_pnl=cost.realized_pnl,
        previous_close=price(row.get("previousDayClose"), exchange),
    )


def orders(answer: object) -> list[Order]:
    """Keep a row if it has any field of an order, which may not have its number yet; some rows hold only a status."""
    return [order(row) for row in envelope.rows(answer) if any(text(row.get(name)) for name in OF_AN_ORDER)]


def order(row: Row) -> Order:
    """Map a row of the order book, or an update of the stream, which has the same names."""
    word = text(row.get("orderStatus"))
    status = order_words.order_status(word)
    exchange = text(row.get("exchange"))
    return Order(
        order_id=order_id(row.get("brokerOrderId")),
        exchange_order_id=text(row.get("exchangeOrderId")),
        status=status,
        status_text=word if status is OrderStatus.UNKNOWN else "",
        symbol=_symbol(row),
        trading_symbol=text(row.get("tradingSymbol")),
        name=text(row.get("formattedInstrumentName")),
        exchange=exchange,
        instrument_id=text(row.get("instrumentId")),
        side=order_words.side(text(row.get("transactionType"))),
        quantity=whole_number(row.get("quantity")),
        filled_quantity=whole_number(row.get("filledQuantity")),
        pending_quantity=whole_number(row.get("pendingQuantity")),
        product=text(row.get("product")).upper(),
        complexity=text(row.get("orderComplexity")).upper(),
        order_type=order_words.order_type(text(row.get("orderType"))),
        validity=text(row.get("validity")).upper(),
        price=price_or_zero(row.get("price"), exchange),
        average_price=_average_or_zero(row, exchange),
        trigger_price=price_or_zero(row.get("slTriggerPrice"), exchange),
        disclosed_quantity=whole_number(first_filled(row, ("disclosedQuantity", "disclosedQty"))),
        cancelled_quantity=whole_number(row.get("cancelledQuantity")),
        placed_at=moment(row.get("exchangeTimestamp")),
        updated_at=moment(first_filled(row, ("exchangeUpdateTime", "brokerUpdateTime"))),
        rejection_reason=text(row.get("rejectionReason")),
        tag=text(row.get("orderTag")),
    )


def _average_or_zero(row: Row, exchange: str) -> Decimal | None:
    """An order that has no fill yet has an average of 0."""
    sent = row.get("averageTradedPrice")
    return average(sent, exchange) if optional_decimal(sent) else price_or_zero(sent, exchange)


def trades(answer: object) -> list[Trade]:
    return [trade(row) for row in envelope.rows(answer) if _has_instrument(row)]


def trade(row: Row) -> Trade:
    """Map a row of the trade book, or an update of the stream. Raises BrokerAnswerUnclear."""
    exchange = text(row.get("exchange"))
    what = f"The trade {text(row.get('exchangeTradeId'))} of {text(row.get('tradingSymbol'))}"
    return Trade(
        trade_id=text(row.get("exchangeTradeId")),
        order_id=order_id(row.get("brokerOrderId")),
        exchange_order_id=text(row.get("exchangeOrderId")),
        symbol=_symbol(row),
        trading_symbol=text(row.get("tradingSymbol")),
        name=text(row.get("formattedInstrumentName")),
        exchange=exchange,
        instrument_id=text(row.get("instrumentId")),
        side=order_words.side(text(row.get("transactionType"))),
        quantity=required(whole_number, row, ("filledQuantity", "quantity", "filledQty"), what),
        price=required(lambda value: price(value, exchange), row, ("tradedPrice", "averageTradedPrice", "price"), what),
        product=text(row.get("product")).upper(),
        order_type=order_words.order_type(text(row.get("orderType"))),
        traded_at=moment(row.get("fillTimestamp")),
        tag=text(row.get("orderTag")),
    )


def _symbol(row: Row) -> str:
    return book_symbol(text(row.get("exchange")), text(row.get("tradingSymbol")))


def _has_instrument(row: Row) -> bool:
    return bool(text(row.get("instrumentId")) or text(row.get("tradingSymbol")))


def _text_list(value: object) -> list[str]:
    return [text(item) for item in value] if isinstance(value, list) else []
