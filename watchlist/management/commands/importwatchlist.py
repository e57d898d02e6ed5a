"""Imports the symbols of an NSE index list into the watchlist."""

from pathlib import Path
from typing import Any

from django.core.management.base import CommandError, CommandParser

from broker.errors import BrokerError, UnknownSymbol
from broker.values import Exchange
from systemcache.management.base import QuickCommand
from watchlist import quotes, services
from watchlist.models import Category
from watchlist.models.columns import EXCHANGES
from watchlist.nse_lists import NotAnIndexList, symbols_of


class Command(QuickCommand):
    help = "Add the symbols of an NSE index list (CSV with a column Symbol) to the watchlist, all or none."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("file", type=Path, metavar="FILE")
        parser.add_argument("--category", choices=Category.values, default=Category.SHORT_TERM.value)
        parser.add_argument("--exchange", choices=[value for value, _ in EXCHANGES], default=Exchange.NSEEQ.value)
        parser.add_argument("--skip-unknown", action="store_true", help="skip symbols that the broker does not know")

    def handle(self, *args: Any, **options: Any) -> None:
        exchange, category = options["exchange"], options["category"]
        try:
            known, unknown = _split_known(symbols_of(options["file"]), exchange)
        except (NotAnIndexList, BrokerError) as error:
            raise CommandError(str(error)) from error
        if unknown and not options["skip_unknown"]:
            raise CommandError(
                f"Nothing was added: {exchange} does not know {', '.join(unknown)}. Use --skip-unknown to skip them."
            )
        result = services.add_symbols(symbols=known, category=category, exchange=exchange)
        self.stdout.write(f"{result.added} added to {category}, {result.existing} already there.")
        if unknown:
            self.stdout.write(f"Skipped, because {exchange} does not know them: {', '.join(unknown)}.")


def _split_known(symbols: list[str], exchange: str) -> tuple[list[str], list[str]]:
    known, unknown = [], []
    for symbol in symbols:
        try:
            known.append(quotes.canonical_symbol(symbol, exchange))
        except UnknownSymbol:
            unknown.append(symbol)
    return known, unknown
