"""The forms of money, never with an exponent: amounts have two places, prices those of their tick, two to four."""

from decimal import ROUND_HALF_EVEN, Context, Decimal

MIN_PRICE_PLACES, MAX_PRICE_PLACES = 2, 4  # currency pairs are quoted to four places
WIDE = Context(prec=100, rounding=ROUND_HALF_EVEN)  # 28 digits cannot hold 10^18 shares at 10^18 rupees
_ZERO = Decimal(0)
_UNITS = tuple(Decimal(1).scaleb(-places) for places in range(MAX_PRICE_PLACES + 1))  # of the last place


def rupees(amount: Decimal) -> Decimal:
    """Round an amount to the paisa; there is no -0.00."""
    return _fixed(amount, 2)


def price(number: Decimal, min_places: int = MIN_PRICE_PLACES) -> Decimal:
    """Return a price with as many places as it needs, at least `min_places` and at most four."""
    for count in range(min_places, MAX_PRICE_PLACES):
        if (rounded := _fixed(number, count)) == number:
            return rounded
    rounded = _fixed(number, MAX_PRICE_PLACES)
    return rounded if rounded == number else price(rounded, min_places)


def places(number: Decimal) -> int:
    """Return how many places a number is written with."""
    exponent = number.as_tuple().exponent
    return max(0, -exponent) if isinstance(exponent, int) else 0


def average(number: Decimal, tick_places: int = MIN_PRICE_PLACES) -> Decimal:
    """Return an average of prices: a quotient, which has no places of its own."""
    return _fixed(number, tick_places)


def percent(part: Decimal, whole: Decimal) -> Decimal | None:
    """Return `part` as a percentage of `whole` with two places; None of nothing."""
    return rupees(WIDE.divide(100 * part, whole)) if whole else None


def grouped(number: Decimal | int, *, signed: bool = False) -> str:
    """Write a number with all of its places, grouped as lakh and crore: 12,34,567.89."""
    sign = "-" if number < 0 else "+" if signed else ""
    plain = f"{abs(number):f}" if isinstance(number, Decimal) else str(abs(number))  # :f adds places to an int
    whole, point, places = plain.partition(".")
    head, tail = whole[:-3], whole[-3:]
    while head:
        tail = f"{head[-2:]},{tail}"
        head = head[:-2]
    return f"{sign}{tail}{point}{places}"


def _fixed(number: Decimal, places: int) -> Decimal:
    return WIDE.add(WIDE.quantize(number, _UNITS[places]), _ZERO)  # adding 0 removes the sign of -0
