"""Processes of the site that place orders while another one halts trading.

`python -m tests.broker.orders.racing place NAME SECONDS` places orders, some of them slowly, and prints how many were
placed and how many were refused because trading was halted. `… halt ROUNDS` halts trading so often, opens it again in
between, and prints for each round which orders were open at the broker after the halt, at once and later.
"""

import json
import random
import sys
import time
from decimal import Decimal
from typing import Any

import django

SLOW = 4.0  # seconds between the checks of a slow order and its mark as sent: longer than a halt


def place(name: str, seconds: str) -> dict[str, int]:
    from django.contrib.auth.models import User

    from broker.errors import TradingDisabled
    from broker.orders import request_log, services
    from broker.values import OrderParams

    mark_sent = request_log.mark_sent

    def mark_late(row: Any) -> None:
        time.sleep(random.choice((0.0, 0.0, SLOW)))
        mark_sent(row)

    request_log.mark_sent = mark_late
    user, _ = User.objects.get_or_create(username=name)
    params = OrderParams(side="BUY", quantity=1, product="INTRADAY", order_type="LIMIT", price=Decimal(100))
    placed = refused = 0
    until = time.monotonic() + float(seconds)
    while time.monotonic() < until:
        try:
            services.place(user.pk, f"{name}-{placed}-{refused}", "INFY", "NSEEQ", params)
            placed += 1
        except TradingDisabled:
            refused += 1
            time.sleep(0.02)
    return {"placed": placed, "refused": refused}


def halt(rounds: str) -> list[dict[str, Any]]:
    from django.contrib.auth.models import User

    from broker.iifl.client import default_client
    from broker.orders import halt, switch

    user, _ = User.objects.get_or_create(username="guardian")

    def open_orders() -> list[str]:
        return [order.order_id for order in default_client().orders() if not order.status.is_final]

    results = []
    for _ in range(int(rounds)):
        time.sleep(1.0)
        outcome = halt.halt(user.pk)
        at_once = open_orders()
        time.sleep(SLOW + 0.5)
        results.append(
            {
                "cancelled": len(outcome.orders),
                "complete": outcome.complete,
                "message": outcome.message,
                "open": at_once,
                "open_later": open_orders(),
            }
        )
        switch.turn("open", user_id=user.pk)
    return results


if __name__ == "__main__":
    django.setup()
    print(json.dumps(place(*sys.argv[2:]) if sys.argv[1] == "place" else halt(*sys.argv[2:])))
