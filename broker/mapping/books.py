"""The account's books: profile, margins, holdings, positions, orders, trades."""

from broker.errors import BrokerAnswerUnclear
from broker.mapping import envelope
from broker.mapping.contracts import split_symbol
from broker.mapping.fields import Row, decimal, first, flag, integer, moment, optional_decimal, text
from broker.values import Exchange, Holding, Margins, Order, Position, Profile, Trade

STATUS_WORDS = {"canceled": "cancelled", "completed": "complete", "put order req received": "pending"}


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
        exchanges=_texts(row.get("exchanges")),
        products=_texts(row.get("products")),
        order_complexities=_texts(row.get("orderComplexity")),
    )


def margins(answer: object) -> Margins:
    row = envelope.record(answer)
    if "tradingLimit" not in row:
        raise BrokerAnswerUnclear("limits without tradingLimit")
    return Margins(
        trading_limit=decimal(row.get("tradingLimit")),
        opening_cash=decimal(row.get("openingCashLimit")),
        intraday_payin=decimal(row.get("intradayPayin")),
        collateral_margin=decimal(row.get("collateralMargin")),
        credit_for_sell=decimal(row.get("creditForSell")),
        adhoc_margin=decimal(row.get("adhocMargin")),
        utilized_margin=decimal(row.get("utilizedMargin")),
        blocked_for_payout=decimal(row.get("blockedForPayout")),
        utilized_span_margin=decimal(row.get("utilizedSpanMargin")),
        utilized_exposure_margin=decimal(row.get("utilizedExposureMargin")),
    )


def has_funds(margins: Margins) -> bool:
    return any(getattr(margins, name) for name in margins.__struct_fields__)


def added(one: Margins, other: Margins) -> Margins:
    names = one.__struct_fields__
    return Margins(**{name: getattr(one, name) + getattr(other, name) for name in names})


def holdings(answer: object) -> list[Holding]:
    """Rows without any name are left out: a body that holds only a status is no holding."""
    return [
        _holding(row)
        for row in envelope.rows(answer)
        if text(first(row, ("isin", "nseTradingSymbol", "bseTradingSymbol")))
    ]


def _holding(row: Row) -> Holding:
    on_nse = bool(text(row.get("nseTradingSymbol")))
    trading_symbol = text(row.get("nseTradingSymbol" if on_nse else "bseTradingSymbol"))
    exchange = Exchange.NSEEQ if on_nse else Exchange.BSEEQ
    return Holding(
        isin=text(row.get("isin")),
        symbol=split_symbol(exchange, trading_symbol)[0],
        trading_symbol=trading_symbol,
        exchange=exchange,
        instrument_id=text(row.get("nseInstrumentId" if on_nse else "bseInstrumentId")),
        nse_instrument_id=text(row.get("nseInstrumentId")),
        bse_instrument_id=text(row.get("bseInstrumentId")),
        name=text(row.get("formattedInstrumentName")),
        product=text(row.get("product")),
        quantity=integer(row.get("totalQuantity")),
        dp_quantity=integer(row.get("dpQuantity")),
        t1_quantity=integer(row.get("t1Quantity")),
        collateral_quantity=integer(row.get("collateralQuantity")),
        authorized_quantity=integer(row.get("authorizedQuantity")),
        average_price=decimal(row.get("averageTradedPrice")),
        previous_close=optional_decimal(row.get("previousDayClose")),
    )


def positions(answer: object) -> list[Position]:
    return [_position(row) for row in envelope.rows(answer) if _is_named(row)]


def _position(row: Row) -> Position:
    return Position(
        symbol=_symbol(row),
        trading_symbol=text(row.get("tradingSymbol")),
        name=text(row.get("formattedInstrumentName")),
        exchange=text(row.get("exchange")),
        instrument_id=text(row.get("instrumentId")),
        product=text(row.get("product")),
        net_quantity=integer(row.get("netQuantity")),
        net_average_price=decimal(row.get("netAveragePrice")),
        overnight_quantity=integer(row.get("overnightQuantity")),
        overnight_price=decimal(row.get("overnightPrice")),
        buy_quantity=integer(row.get("buyQuantity")),
        buy_price=decimal(row.get("buyPrice")),
        sell_quantity=integer(row.get("sellQuantity")),
        sell_price=decimal(row.get("sellPrice")),
        day_buy_quantity=integer(row.get("dayBuyQuantity")),
        day_buy_value=decimal(row.get("dayBuyValue")),
        day_sell_quantity=integer(row.get("daySellQuantity")),
        day_sell_value=decimal(row.get("daySellValue")),
        multiplier=decimal(row.get("multiplier")),
        lot_size=integer(row.get("lotSize")),
        realized_pnl=optional_decimal(row.get("realizedPnl")),
        previous_close=optional_decimal(row.get("previousDayClose")),
    )


def orders(answer: object) -> list[Order]:
    return [_order(row) for row in envelope.rows(answer) if text(row.get("brokerOrderId"))]


def _order(row: Row) -> Order:
    status = text(row.get("orderStatus")).lower()
    return Order(
        order_id=text(row.get("brokerOrderId")),
        exchange_order_id=text(row.get("exchangeOrderId")),
        status=STATUS_WORDS.get(status, status),
        symbol=_symbol(row),
        trading_symbol=text(row.get("tradingSymbol")),
        name=text(row.get("formattedInstrumentName")),
        exchange=text(row.get("exchange")),
        instrument_id=text(row.get("instrumentId")),
        side=text(row.get("transactionType")).upper(),
        quantity=integer(row.get("quantity")),
        filled_quantity=integer(row.get("filledQuantity")),
        pending_quantity=integer(row.get("pendingQuantity")),
        product=text(row.get("product")),
        complexity=text(row.get("orderComplexity")),
        order_type=text(row.get("orderType")),
        validity=text(row.get("validity")),
        price=decimal(row.get("price")),
        average_price=decimal(row.get("averageTradedPrice")),
        trigger_price=decimal(row.get("slTriggerPrice")),
        disclosed_quantity=integer(first(row, ("disclosedQuantity", "disclosedQty"))),
        cancelled_quantity=integer(row.get("cancelledQuantity")),
        placed_at=moment(row.get("exchangeTimestamp")),
        updated_at=moment(first(row, ("exchangeUpdateTime", "brokerUpdateTime"))),
        rejection_reason=text(row.get("rejectionReason")),
        tag=text(row.get("orderTag")),
    )


def trades(answer: object) -> list[Trade]:
    return [_trade(row) for row in envelope.rows(answer) if _is_named(row)]


def _trade(row: Row) -> Trade:
    return Trade(
        trade_id=text(row.get("exchangeTradeId")),
        order_id=text(row.get("brokerOrderId")),
        exchange_order_id=text(row.get("exchangeOrderId")),
        symbol=_symbol(row),
        trading_symbol=text(row.get("tradingSymbol")),
        name=text(row.get("formattedInstrumentName")),
        exchange=text(row.get("exchange")),
        instrument_id=text(row.get("instrumentId")),
        side=text(row.get("transactionType")).upper(),
        quantity=integer(first(row, ("filledQuantity", "quantity", "filledQty"))),
        price=decimal(first(row, ("tradedPrice", "averageTradedPrice", "price"))),
        product=text(row.get("product")),
        order_type=text(row.get("orderType")),
        traded_at=moment(row.get("fillTimestamp")),
        tag=text(row.get("orderTag")),
    )


def _symbol(row: Row) -> str:
    return split_symbol(text(row.get("exchange")), text(row.get("tradingSymbol")))[0]


def _is_named(row: Row) -> bool:
    return bool(text(row.get("instrumentId")) or text(row.get("tradingSymbol")))


def _texts(value: object) -> list[str]:
    return [text(item) for item in value] if isinstance(value, list) else []
