"""A process of the site that places one order, and may be killed on the way; its last line says what it was answered.

Run as `python -m tests.broker.orders.doomed STEP KEY LATER`: STEP names where it is killed, or is `no` for a life to
the end; LATER are the seconds by which its clock is ahead.
"""

import json
import os
import signal
import sys
from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal
from typing import Any, NoReturn

import django


def die(*_: object) -> NoReturn:
    os.kill(os.getpid(), signal.SIGKILL)
    raise AssertionError("still here")


def before(owner: Any, name: str) -> None:
    setattr(owner, name, die)


def after(owner: Any, name: str) -> None:
    step: Callable[..., object] = getattr(owner, name)

    def last(*args: Any, **kwargs: Any) -> NoReturn:
        step(*args, **kwargs)
        die()

    setattr(owner, name, last)


def steps() -> dict[str, Callable[[], None]]:
    from broker import order_log
    from broker.transport import HTTPTransport
    from systemcache import outbox

    return {
        "before it is on record": lambda: before(order_log, "opened"),
        "on record": lambda: after(order_log, "opened"),
        "its turn has come": lambda: before(order_log, "mark_sent"),
        "marked as sent": lambda: after(order_log, "mark_sent"),
        "the broker has it": lambda: after(HTTPTransport, "_sent"),
        "answered": lambda: before(order_log, "accepted"),
        "completed on record": lambda: before(outbox, "_carry_out"),
        "dropped from the cache": lambda: after(order_log, "accepted"),
        "no": lambda: None,
    }


def main(step: str, key: str, later: str) -> dict[str, Any]:
    from django.contrib.auth.models import User

    from broker import gateway, orders, tokens
    from broker.client import default_client
    from broker.errors import BrokerError
    from broker.values import IST, WantedOrder

    now = tokens.now
    tokens.now = lambda: now().astimezone(IST) + timedelta(seconds=float(later))
    user, _ = User.objects.get_or_create(username="dealer")
    gateway.resolve("INFY")
    seen = len(gateway.orders().value)
    default_client().profile()  # logged in: what is killed is the order's own call
    steps()[step]()
    wanted = WantedOrder(
        side="BUY",
        quantity=5,
        product="INTRADAY",
        order_type="MARKET",
        market_protection_percent=Decimal("0.5"),
    )
    try:
        done = orders.place(user.pk, key, "INFY", "NSEEQ", wanted)
    except BrokerError as error:
        return {"error": error.code, "seen": seen, "book": len(gateway.orders().value)}
    return {"order": done.request.order_id, "seen": seen, "book": len(gateway.orders().value)}


if __name__ == "__main__":
    django.setup()
    print(json.dumps(main(*sys.argv[1:])))
