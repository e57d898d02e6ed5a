"""Rows of the margins that orders and combinations would require; amounts in paise."""

from decimal import Decimal

from broker.simulator.account.ledger import Books
from broker.simulator.account.positions import margin, used_margin
from broker.simulator.wire import Row, rupee_text

# Shares of a derivative's value.
SPAN = Decimal("0.12")
EXPOSURE = Decimal("0.03")


def order_margin_row(books: Books, product: str, value: int) -> Row:
    used = used_margin(books.orders)
    needed = margin(product, value)
    short = max(0, used + needed - books.cash.limit)
    return {
        "totalCashAvailable": rupee_text(books.cash.limit),
        "preOrderMargin": rupee_text(used),
        "postOrderMargin": rupee_text(used + needed),
        "currentOrderMargin": rupee_text(needed),
        "rmsvalidationMessage": "NOT_OK" if short else "OK",
        "fundShort": rupee_text(short),
    }


def span_margin_row(value: int) -> Row:
    span, exposure = round(value * SPAN), round(value * EXPOSURE)
    return {
        "span": rupee_text(span),
        "exposureMargin": rupee_text(exposure),
        "totalMargin": rupee_text(span + exposure),
        "buyPremium": "0.00",
    }
