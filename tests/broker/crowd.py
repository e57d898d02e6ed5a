"""A process of many: asks for one symbol's candles after the other, in many threads. Prints how many were answered.

Arguments: how many seconds a call may wait for the rate limit, then the symbols.
"""

import sys
from concurrent.futures import ThreadPoolExecutor
from datetime import date
from typing import Any

import django
from django.conf import settings

THREADS = 50
FIRST, LAST = date(2026, 1, 1), date(2026, 1, 31)  # one call's worth


def main(max_wait: float, symbols: list[str]) -> int:
    from broker import gateway
    from broker.iifl import rate_limiter
    from broker.values import Interval

    def answered(symbol: str) -> bool:
        with rate_limiter.max_wait(max_wait):
            return bool(gateway.candles(symbol, Interval.DAY, FIRST, LAST).value)

    with ThreadPoolExecutor(THREADS) as pool:
        return sum(pool.map(answered, symbols))


if __name__ == "__main__":
    django.setup()
    # On a busy machine Redis may need longer than the site grants it; that it goes away is not the subject here.
    options: Any = settings.CACHES["default"]["OPTIONS"]
    options.update(SOCKET_TIMEOUT=10, SOCKET_CONNECT_TIMEOUT=10)
    print(main(float(sys.argv[1]), sys.argv[2:]))
