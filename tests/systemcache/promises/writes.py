"""Every way to write in this process: row by row, in bulk, over several tables, rolled back; each is one write."""

import random
from collections.abc import Callable
from contextlib import suppress

from django.db import transaction

from tests.systemcache.promises.world import NEVER, Lane, home
from watchlist import selectors
from watchlist.models import Signal, TradingSetting, WatchlistItem


class RolledBack(Exception):
    pass


def rows(lane: Lane, *slots: str) -> "list[WatchlistItem]":
    return list(WatchlistItem.objects.filter(symbol__in=[lane.symbol(slot) for slot in slots]))


def set_notes(lane: Lane, number: int, *slots: str) -> None:
    WatchlistItem.objects.filter(symbol__in=[lane.symbol(slot) for slot in slots]).update(notes=str(number))


def save(lane: Lane) -> None:
    def work(number: int) -> None:
        (row,) = rows(lane, "row0")
        row.notes = str(number)
        row.save()

    lane.write(["row0"], work)


def update_in_bulk(lane: Lane) -> None:
    lane.write(["row0", "row1", "row2"], lambda number: set_notes(lane, number, "row0", "row1", "row2"))


def bulk_update(lane: Lane) -> None:
    def work(number: int) -> None:
        found = rows(lane, "row1", "row2", "row3")
        for row in found:
            row.notes = str(number)
        WatchlistItem.objects.bulk_update(found, ["notes"])

    lane.write(["row1", "row2", "row3"], work)


def roll_back(lane: Lane) -> None:
    """What is read in between comes from the transaction, and must not reach anybody."""
    with suppress(RolledBack), transaction.atomic():
        set_notes(lane, NEVER, "row0")
        TradingSetting.objects.filter(key=lane.setting).update(value=str(NEVER))
        selectors.watchlist(active="true", category="all")
        selectors.trading_settings()
        raise RolledBack


def roll_back_a_savepoint(lane: Lane) -> None:
    def work(number: int) -> None:
        with transaction.atomic():
            with suppress(RolledBack), transaction.atomic():
                set_notes(lane, NEVER, "row3")
                selectors.watchlist(active="all", category="hold")
                raise RolledBack
            selectors.watchlist(active="all", category="hold")
            set_notes(lane, number, "row3")
            selectors.watchlist(active="all", category="hold")

    lane.write(["row3"], work)


def replace(lane: Lane) -> None:
    """Deleted and created again, in one transaction."""

    @transaction.atomic
    def work(number: int) -> None:
        WatchlistItem.objects.filter(symbol=lane.symbol("row2")).delete()
        WatchlistItem.objects.create(symbol=lane.symbol("row2"), category="hold", notes=str(number))

    lane.write(["row2"], work)


def create(lane: Lane) -> None:
    def work(number: int) -> None:
        new = WatchlistItem(symbol=lane.window(number), category="short_term", notes=str(number))
        if number % 2:
            new.save()
        else:
            WatchlistItem.objects.bulk_create([new])

    lane.write(["last"], work)


def delete(lane: Lane) -> None:
    if lane.acknowledged("last") <= lane.acknowledged("first"):
        create(lane)

    def work(number: int) -> None:
        gone = WatchlistItem.objects.filter(symbol=lane.window(number - 1))
        if number % 2:
            gone.get().delete()
        else:
            gone.delete()

    lane.write(["first"], work)


def move(lane: Lane) -> None:
    def work(number: int) -> None:
        WatchlistItem.objects.filter(symbol=lane.symbol("mover")).update(category=home(number), notes=str(number))

    lane.write(["mover"], work)


def several_tables(lane: Lane) -> None:
    @transaction.atomic
    def work(number: int) -> None:
        TradingSetting.objects.filter(key=lane.setting).update(value=str(number))
        set_notes(lane, number, "row1")
        Signal.objects.filter(symbol=lane.symbol("signal")).update(quantity=number + 1)

    lane.write(["setting", "row1", "signal"], work)


WAYS: tuple[Callable[[Lane], None], ...] = (
    save,
    update_in_bulk,
    bulk_update,
    roll_back,
    roll_back_a_savepoint,
    replace,
    create,
    delete,
    move,
    several_tables,
)


def one(lane: Lane, chance: random.Random) -> None:
    chance.choice(WAYS)(lane)
