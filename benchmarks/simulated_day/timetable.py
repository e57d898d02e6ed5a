"""What goes wrong when, in seconds of the day, and which errors users may see of it."""

from dataclasses import dataclass, field, replace

SPEED = 24.0  # minutes of the market in a minute
OPENS_AFTER = 10 / SPEED * 60  # seconds; the broker's day begins at 09:05
WHOLE, SHORT = 300.0, 40.0
SHORTEST_WHOLE = 120.0

LIMITS = frozenset({"broker_busy", "too_many_loads"})  # our own answers where the broker allows no more calls
# Of an order whose answer was lost the site says for a minute that it does not know; and it places none while it cannot
# read the last price.
NOT_REPEATED = frozenset({"broker_login_required"})  # reads log in once more and ask again; orders are never sent twice
ORDERS_AFTER = 60.0 + 15.0
ORDERS = frozenset({"order_outcome_unknown", "order_under_way", "order_not_in_book", "order_over_limit"})


@dataclass(frozen=True)
class Phase:
    """`sees`: codes that routes which need the broker may answer meanwhile, and for `after` seconds.

    `broker` holds faults as `runsimulator --fail` names them, `redis` an outage, `act` something that is done.
    `loses`: what the cache held may be gone afterwards, so that nothing old can stand in.
    """

    name: str
    at: float
    seconds: float
    broker: tuple[str, ...] = ()
    redis: str = ""
    act: str = ""
    sees: frozenset[str] = field(default=LIMITS)
    after: float = 5.0
    loses: bool = False

    @property
    def end(self) -> float:
        return self.at + self.seconds


def _broker(name: str, at: float, seconds: float, *faults: str, sees: str = "", after: float = 5.0) -> Phase:
    seen = LIMITS | ORDERS | set(sees.split())
    return Phase(f"broker: {name}", at, seconds, broker=faults, sees=seen, after=after)


def _redis(name: str, at: float, seconds: float, outage: str, *, loses: bool = False) -> Phase:
    return Phase(f"Redis: {name}", at, seconds, redis=outage, loses=loses)


SLOW = ("all=slow:300@0.5", "all=slow:2000@0.2", "all=slow:900@0.5")
GARBAGE = (
    *("holdings=not-json", "positions=truncated", "orders=drop", "trades=EC926:list", "limits=not-json"),
    *("historicaldata=truncated", "marketquotes=not-json"),
)
UNCLEAR = "broker_answer_unclear broker_unreachable"

DAY = (
    # While the day warms up: pools reach their size, so that what is held later can be held against it.
    replace(_redis("hung, and the broker slow, to warm up", 22, 4, "hung"), broker=SLOW),
    _broker("503", 50, 8, "all=503", sees="broker_unreachable"),
    _broker("slow", 66, 12, *SLOW),
    _broker("garbage", 86, 8, *GARBAGE, sees=UNCLEAR),
    _broker("429", 102, 6, "all=429@0.5"),
    Phase("broker: sessions end", 114, 1, act="end sessions", sees=LIMITS | NOT_REPEATED),
    _redis("hung", 122, 4, "hung"),
    _redis("killed, empty again", 136, 4, "gone_and_back_empty", loses=True),
    _redis("full", 150, 6, "full", loses=True),
    _redis("connections cut", 166, 3, "cut"),
    Phase("clearcache", 176, 3, act="clear", loses=True),
    replace(
        _broker("503, and Redis killed", 188, 4, "all=503", sees="broker_unreachable"),
        redis="gone_and_back_empty",
        loses=True,
    ),
    _broker("hangs", 202, 6, "all=hang@0.5", sees="broker_timeout broker_unreachable", after=33),
)
# In the short day orders go through: of one whose answer was lost nobody knows for a minute.
READS = ("holdings", "positions", "orders", "trades", "limits", "historicaldata", "marketquotes")
SHORT_DAY = (
    _broker("503", 10, 2.5, *(f"{route}=503" for route in READS), sees="broker_unreachable", after=4),
    _broker("slow and garbage", 16.5, 2, *SLOW[:1], *GARBAGE[:2], sees=UNCLEAR, after=4),
    _redis("hung", 22.5, 2, "hung"),
    _redis("killed, empty again", 29.5, 1.5, "gone_and_back_empty", loses=True),
)


def of(seconds: float) -> tuple[Phase, ...]:
    """The whole day or the short one, its beginnings moved to fit; how long a fault takes stays as it is."""
    phases, length = (DAY, WHOLE) if seconds >= SHORTEST_WHOLE else (SHORT_DAY, SHORT)
    return tuple(replace(phase, at=phase.at * seconds / length) for phase in phases)
