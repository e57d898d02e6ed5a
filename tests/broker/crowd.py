"""A process of many: asks for one symbol's candles after the other, in many threads. Prints how many were answered.

Arguments: the patience with the limiter in seconds, then the symbols.
"""

import sys
from concurrent.futures import ThreadPoolExecutor
from datetime import date

import django

THREADS = 50
FIRST, LAST = date(2026, 1, 1), date(2026, 1, 31)  # one call's worth


def main(patience: float, symbols: list[str]) -> int:
    from broker import gateway, limits
    from broker.values import Interval

    def answered(symbol: str) -> bool:
        with limits.patience(patience):
            return bool(gateway.candles(symbol, Interval.DAY, FIRST, LAST).value)

    with ThreadPoolExecutor(THREADS) as pool:
        return sum(pool.map(answered, symbols))


if __name__ == "__main__":
    django.setup()
    print(main(float(sys.argv[1]), sys.argv[2:]))
