"""Rows of the account's books in the broker's format, in which some numbers are strings."""

from broker.simulator.account.ledger import Books, Holding, Order
from broker.simulator.account.positions import Position, used_margin
from broker.simulator.wire import Row, rupee_text, rupees, stamp

EXCHANGES = ["BSEEQ", "BSEFO", "NSEEQ", "NSEFO"]
PRODUCTS = ["NORMAL", "INTRADAY", "DELIVERY", "BNPL"]


def profile_row(client_id: str) -> Row:
    return {
        "clientId": client_id[0] + "*" * (len(client_id) - 2) + client_id[-1],
        "clientName": "Simulated Account",
        "isTotpEnabled": "Y",
        "isPoaProvided": "Y",
        "accountStatus": "Na",
        "exchanges": EXCHANGES,
        "products": PRODUCTS,
        "orderComplexity": ["REGULAR", "AMO", "BO", "CO"],
        "email": "si**********@example.com",
        "phoneNumber": "9********0",
    }


def limits_row(books: Books) -> Row:
    cash = books.cash
    return {
        "tradingLimit": rupees(cash.limit),
        "openingCashLimit": rupees(cash.opening),
        "intradayPayin": rupees(cash.payin),
        "collateralMargin": rupees(cash.collateral),
        "creditForSell": 0.0,
        "adhocMargin": 0.0,
        "utilizedMargin": rupees(used_margin(books.orders)),
        "blockedForPayout": rupees(cash.payout),
        "utilizedSpanMargin": 0.0,
        "utilizedExposureMargin": 0.0,
    }


def holding_row(holding: Holding) -> Row:
    return {
        "isin": holding.isin,
        "nseInstrumentId": holding.contract.instrument_id,
        "bseInstrumentId": holding.bse_id,
        "nseTradingSymbol": holding.contract.trading_symbol,
        "bseTradingSymbol": holding.contract.symbol,
        "formattedInstrumentName": holding.contract.formatted_instrument_name,
        "product": holding.product,
        "totalQuantity": holding.depository + holding.unsettled,
        "dpQuantity": holding.depository,
        "collateralQuantity": holding.collateral,
        "t1Quantity": holding.unsettled,
        "authorizedQuantity": "0",
        "averageTradedPrice": rupee_text(holding.average),
        "previousDayClose": None,
    }


def position_row(position: Position, previous_close: int) -> Row:
    """Omit realizedPnl, which is in the broker's table but not in its example."""
    return {
        "instrumentId": position.contract.instrument_id,
        "tradingSymbol": position.contract.trading_symbol,
        "formattedInstrumentName": position.contract.formatted_instrument_name,
        "exchange": position.contract.exchange,
        "product": position.product,
        "netQuantity": float(position.net),
        "netAveragePrice": rupee_text(position.net_average),
        "overnightQuantity": 0.0,
        "overnightPrice": "0",
        "buyQuantity": float(position.bought),
        "buyPrice": float(position.buy_average / 100),
        "sellQuantity": float(position.sold),
        "sellPrice": float(position.sell_average / 100),
        "dayBuyQuantity": str(position.bought),
        "dayBuyPrice": float(position.buy_average / 100),
        "dayBuyValue": rupee_text(position.bought_value),
        "daySellQuantity": str(position.sold),
        "daySellPrice": rupee_text(position.sell_average),
        "daySellValue": rupee_text(position.sold_value),
        "multiplier": "1",
        "lotSize": position.contract.lot_size,
        "tickSize": position.contract.tick_size,
        "previousDayClose": rupee_text(previous_close),
    }


def order_row(order: Order, client_id: str) -> Row:
    return _order_fields(order, client_id) | {
        "orderStatus": order.status,
        "quantity": str(order.quantity),
        "price": rupee_text(order.price),
        "averageTradedPrice": rupee_text(order.average),
        "slTriggerPrice": rupee_text(order.trigger),
        "disclosedQty": str(order.disclosed),
        "marketProtectionPercent": order.protection,
        "exchangeTimestamp": stamp(order.at),
        "exchangeUpdateTime": stamp(order.updated or order.at),
        "rejectionReason": order.reason,
        "mainLegOrderId": "NA",
        "pendingQuantity": str(order.pending),
        "filledQuantity": str(order.filled),
        "appKey": "NA",
        "apiOrderSource": "API",
        "source": "API",
        "brokerUpdateTime": stamp(order.updated or order.at),
    }


def order_history_row(order: Order, client_id: str) -> Row:
    return order_row(order, client_id) | {"cancelledQuantity": str(order.cancelled)}


def trade_rows(order: Order, client_id: str) -> list[Row]:
    """Return one row per fill."""
    return [
        _order_fields(order, client_id)
        | {
            "exchangeTradeId": trade_id(order, position),
            "tradedPrice": rupee_text(fill.price),
            "filledQuantity": str(fill.quantity),
            "fillTimestamp": stamp(fill.at),
        }
        for position, fill in enumerate(order.fills)
    ]


def trade_id(order: Order, position: int) -> str:
    """Return the exchange's number of the order's fill at this place, from 0."""
    return f"{position + 7}{order.number}"


def _order_fields(order: Order, client_id: str) -> Row:
    """Return the fields that the rows of an order and of its trades have in common."""
    return {
        "clientId": client_id,
        "placedBy": client_id,
        "brokerOrderId": order.number,
        "exchangeOrderId": "" if order.status == "rejected" else f"11{order.number}",
        "formattedInstrumentName": order.contract.formatted_instrument_name,
        "tradingSymbol": order.contract.trading_symbol,
        "instrumentId": order.contract.instrument_id,
        "exchange": order.contract.exchange,
        "transactionType": order.side,
        "product": order.product,
        "orderComplexity": order.complexity,
        "orderType": order.kind,
        "validity": order.validity,
        "algoId": "",
        "orderTag": order.tag or "NA",
    }
