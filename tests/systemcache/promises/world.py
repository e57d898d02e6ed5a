"""What the harness writes and what a reader may see of it.

Every row and setting that is written carries a number that only grows. Before a write its number stands on the board as
begun, after its answer as acknowledged. A reader takes the acknowledged numbers, reads, and takes the begun ones: what
it has read must not be older than the former (stale) nor newer than the latter (never committed).

Each writer has a lane of its own: rows `L<lane>…`, and the slots of its lane on the board. What a program writes that
the site does not know is acknowledged when it must show; when it was committed stands on the board, too.
"""

import random
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from tests.systemcache.promises.board import Board
from watchlist import selectors
from watchlist.models import Kind, Signal, TradingSetting, WatchlistItem
from watchlist.schemas import SettingSchema, SignalSchema, WatchlistItemSchema

LANES = 4  # two in-process writers, the one over HTTP, and another program that the site does not know
OTHER_PROGRAM = LANES - 1
SLOTS = ("row0", "row1", "row2", "row3", "mover", "first", "last", "setting", "signal")
HOLD = ("row0", "row1", "row2", "row3")
NEVER = 10**9  # added to numbers that are rolled back
STOP = 0
ACKNOWLEDGED, BEGUN = 8, 8 + LANES * len(SLOTS)
COUNTS = BEGUN + LANES * len(SLOTS)  # one per reading or writing thread
# Of the other program's slots: the number that was committed last, and when (nanoseconds).
COMMITTED = 200
COMMITTED_AT = COMMITTED + len(SLOTS)


class RolledBack(Exception):
    pass


class Lane:
    """One writer's rows and numbers."""

    def __init__(self, board: Board, lane: int) -> None:
        self.board, self.lane = board, lane
        self._at = lane * len(SLOTS)

    def symbol(self, slot: str) -> str:
        return f"L{self.lane}{slot.upper()}"

    @property
    def setting(self) -> str:
        return f"lane_{self.lane}"

    def acknowledged(self, slot: str) -> int:
        return self.board[ACKNOWLEDGED + self._at + SLOTS.index(slot)]

    def write(self, slots: Iterable[str], work: Callable[[int], object]) -> None:
        """`work` writes the next number to the slots, and comes back when that has been answered."""
        indexes = [self._at + SLOTS.index(slot) for slot in slots]
        number = 1 + max(self.board[BEGUN + index] for index in indexes)
        for index in indexes:
            self.board[BEGUN + index] = number
        work(number)
        self.acknowledge(slots, number)

    def acknowledge(self, slots: Iterable[str], number: int) -> None:
        for slot in slots:
            self.board[ACKNOWLEDGED + self._at + SLOTS.index(slot)] = number

    def make(self) -> None:
        for slot in HOLD:
            WatchlistItem.objects.create(symbol=self.symbol(slot), category="hold", notes="0")
        WatchlistItem.objects.create(symbol=self.symbol("mover"), category=home(0), notes="0")
        WatchlistItem.objects.create(symbol=self.window(0), category="short_term", notes="0")
        TradingSetting.objects.create(key=self.setting, kind=Kind.INTEGER, value="0")
        Signal.objects.create(symbol=self.symbol("signal"), signal_type="buy", quantity=1)

    def window(self, number: int) -> str:
        return f"L{self.lane}W{number}"


def home(number: int) -> str:
    """The category in which a mover with this number stands."""
    return "day_trading" if number % 2 else "long_term"


# --- reading -----------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Seen:
    """What one read has shown of one slot: its number, and None where the row is absent (from `category`)."""

    lane: int
    slot: str
    number: int | None
    category: str = ""

    def is_right(self, least: int, most: int) -> bool:
        """Whether it may be seen when `least` was acknowledged before and `most` begun after the read."""
        if self.slot != "mover":
            return self.number is not None and least <= self.number <= most
        if self.number is None:  # it may be on its way
            return least < most or home(least) != self.category
        return least <= self.number <= most and home(self.number) == self.category


class OtherProgramsLane(Lane):
    """Acknowledges a number `bound` seconds after its commit."""

    def __init__(self, board: Board, bound: float) -> None:
        super().__init__(board, OTHER_PROGRAM)
        self.bound = bound

    def acknowledge(self, slots: Iterable[str], number: int) -> None:
        for slot in slots:
            index = SLOTS.index(slot)
            self.board[COMMITTED_AT + index] = time.monotonic_ns()  # before the number, and read after it
            self.board[COMMITTED + index] = number
        time.sleep(self.bound)
        super().acknowledge(slots, number)


def complaints(read: Callable[[], Iterable[Seen]], board: Board) -> tuple[float, list[str]]:
    """How long (seconds) the other program's writes had been committed that one read did not show, and which numbers it
    must not have shown."""
    before, began = board.snapshot(), time.monotonic_ns()
    found = list(read())
    after = board.snapshot()
    wrong = []
    for seen in found:
        index = seen.lane * len(SLOTS) + SLOTS.index(seen.slot)
        least, most = before[ACKNOWLEDGED + index], after[BEGUN + index]
        if not seen.is_right(least, most):
            wrong.append(f"{seen}, not {least} to {most}")
    lag = max(
        (began - before[COMMITTED_AT + SLOTS.index(seen.slot)] for seen in found if _is_late(seen, before)), default=0
    )
    return lag / 1e9, wrong


def _is_late(seen: Seen, before: list[int]) -> bool:
    is_there = seen.lane == OTHER_PROGRAM and seen.number is not None
    return is_there and (seen.number or 0) < before[COMMITTED + SLOTS.index(seen.slot)]


def random_read(chance: random.Random) -> Callable[[], Iterable[Seen]]:
    """One of the lists, read in this process."""
    match chance.randrange(6):
        case 0:
            return lambda: of_settings(selectors.trading_settings().value)
        case 1:
            return lambda: of_signals(selectors.signals(limit=200).value)
        case 2:
            category = home(chance.randrange(2))
            return lambda: of_movers(selectors.watchlist(active="true", category=category).value, category)
        case 3:
            return lambda: of_window(selectors.watchlist(active="true", category="short_term").value)
        case 4:
            return lambda: of_rows(selectors.watchlist(active="all", category="hold").value)
        case _:
            return lambda: of_rows(selectors.watchlist(active="true", category="all").value)


def of_settings(rows: list[SettingSchema]) -> Iterator[Seen]:
    found = {row.key: int(str(row.value)) for row in rows if row.key.startswith("lane_")}
    return (Seen(lane, "setting", found.get(f"lane_{lane}")) for lane in range(LANES))


def of_signals(rows: list[SignalSchema]) -> Iterator[Seen]:
    found = {row.symbol: (row.quantity or 0) - 1 for row in rows}
    return (Seen(lane, "signal", found.get(f"L{lane}SIGNAL")) for lane in range(LANES))


def of_rows(rows: list[WatchlistItemSchema]) -> Iterator[Seen]:
    found = {row.symbol: int(row.notes) for row in rows}
    return (Seen(lane, slot, found.get(f"L{lane}{slot.upper()}")) for lane in range(LANES) for slot in HOLD)


def of_movers(rows: list[WatchlistItemSchema], category: str) -> Iterator[Seen]:
    found = {row.symbol: int(row.notes) for row in rows}
    return (Seen(lane, "mover", found.get(f"L{lane}MOVER"), category) for lane in range(LANES))


def of_window(rows: list[WatchlistItemSchema]) -> Iterator[Seen]:
    """Rows are made at one end and deleted at the other."""
    for lane in range(LANES):
        numbers = [int(row.notes) for row in rows if row.symbol.startswith(f"L{lane}W")]
        yield Seen(lane, "last", max(numbers, default=None))
        yield Seen(lane, "first", min(numbers, default=None))
