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


def after_sending() -> None:
    """Die when the broker has answered the order; its price was asked for before."""
    import requests

    send = requests.Session.request

    def last(session: Any, method: str, url: str, **kwargs: Any) -> Any:
        answer = send(session, method, url, **kwargs)
        return die() if (method, url.rpartition("/")[2]) == ("POST", "orders") else answer

    requests.Session.request = last  # type: ignore[assignment,method-assign]


def steps() -> dict[str, Callable[[], None]]:
    from broker.orders import request_log
    from systemcache.invalidation import outbox

    return {
        "before it is on record": lambda: before(request_log, "create_or_get"),
        "on record": lambda: after(request_log, "create_or_get"),
        "it has a slot": lambda: before(request_log, "mark_sent"),
        "marked as sent": lambda: after(request_log, "mark_sent"),
        "the broker has it": after_sending,
        "answered": lambda: before(request_log, "mark_accepted"),
        "completed on record": lambda: before(outbox, "dispatch"),
        "dropped from the cache": lambda: after(request_log, "mark_accepted"),
        "no": lambda: None,
    }


def main(step: str, key: str, later: str) -> dict[str, Any]:
    from django.contrib.auth.models import User

    from broker import clock, gateway
    from broker.clock import IST
    from broker.errors import BrokerError
    from broker.iifl.client import default_client
    from broker.orders import services
    from broker.values import OrderParams

    now = clock.now
    clock.now = lambda: now().astimezone(IST) + timedelta(seconds=float(later))
    user, _ = User.objects.get_or_create(username="dealer")
    gateway.resolve("INFY")
    seen = len(gateway.orders().value)
    default_client().profile()  # logged in: what is killed is the order's own call
    steps()[step]()
    wanted = OrderParams(
        side="BUY",
        quantity=5,
        product="INTRADAY",
        order_type="MARKET",
        market_protection_percent=Decimal("0.5"),
    )
    try:
        done = services.place(user.pk, key, "INFY", "NSEEQ", wanted)
    except BrokerError as error:
        return {"error": error.code, "seen": seen, "book": len(gateway.orders().value)}
    return {"order": done.request.order_id, "seen": seen, "book": len(gateway.orders().value)}


if __name__ == "__main__":
    django.setup()
    print(json.dumps(main(*sys.argv[1:])))
