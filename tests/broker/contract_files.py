"""Contract files as the broker sends them, and a server that sends them well and badly."""

import csv
import io
from collections.abc import Iterable, Mapping
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from types import TracebackType
from typing import Any, NamedTuple, Self

from broker.contracts import refresh
from broker.csv_rows import MalformedRow
from broker.iifl.mapping.contracts import contract
from broker.values import CONTRACT_FILES, Contract

TITLES = {
    "exchange": "Exchange",
    "underlyingInstrumentSymbol": "Underlying Instrument Symbol",
    "instrumentId": "Instrument ID",
    "instrumentType": "Instrument Type",
    "optionType": "Option Type",
    "strikePrice": "Strike Price",
    "underlyingInstrumentName": "Underlying Instrument Name",
    "tradingSymbol": "Trading Symbol",
    "expiry": "Expiry",
    "lotSize": "Lot Size",
    "tickSize": "Tick Size",
}
Row = Mapping[str, Any]
# As many as the broker's files had in September 2026 (iifl_api §5).
ROWS = {
    "NSEEQ": 9_759,
    "BSEEQ": 13_140,
    "NSEFO": 77_727,
    "BSEFO": 37_363,
    "NSECOMM": 24_953,
    "MCXCOMM": 15_864,
    "NSECURR": 14_602,
    "BSECURR": 14_427,
    "INDICES": 107,
}


def share(trading_symbol: str, number: object = 1, exchange: str = "NSEEQ", **more: object) -> dict[str, Any]:
    usual = {"instrumentType": "EQUITY", "optionType": "XX", "strikePrice": "0", "lotSize": "1", "tickSize": "0.05"}
    return {**usual, "exchange": exchange, "tradingSymbol": trading_symbol, "instrumentId": number, **more}


def shares(*trading_symbols: str, exchange: str = "NSEEQ") -> list[dict[str, Any]]:
    return [share(name, number, exchange) for number, name in enumerate(trading_symbols, 1)]


def index(symbol: str, number: object, exchange: str = "NSEEQ") -> dict[str, Any]:
    names = {"exchange": exchange, "underlyingInstrumentSymbol": symbol, "instrumentId": number}
    return {**names, "instrumentType": "INDEX"}


def as_csv(rows: Iterable[Row]) -> bytes:
    text = io.StringIO(newline="")
    writer = csv.writer(text)
    writer.writerow(TITLES.values())
    writer.writerows([row.get(name, "") for name in TITLES] for row in rows)
    return text.getvalue().encode()


def put(file: str, rows: Iterable[Row]) -> None:
    """Replaces a file's contracts in the table, however few they become."""
    body = as_csv(rows)
    refresh.refresh(file, lambda _: [body], retry_delays=(), accept_short=True)


def contracts(rows: Iterable[Row], file: str = "NSEEQ") -> list[Contract]:
    """The contracts of these rows, without the malformed ones."""
    found = []
    for row in rows:
        with suppress(MalformedRow):
            found.append(contract(file, row))
    return [item for item in found if item]


def made_up(file: str, count: int) -> bytes:
    """A file of this many rows, all different, in the layout of its kind."""
    if file == "INDICES":
        return as_csv(index(f"INDEX {number}", number) for number in range(1, count + 1))
    if file in ("NSEEQ", "BSEEQ"):
        series = "-EQ" if file == "NSEEQ" else ""
        return as_csv(
            share(f"S{number}{series}", number, file, underlyingInstrumentName=f"COMPANY NO {number} LIMITED")
            for number in range(1, count + 1)
        )
    return as_csv(
        share(
            f"U{number % 200}26430{number}CE",
            number,
            file,
            instrumentType="OPTIDX",
            optionType="CE",
            strikePrice=number,
            underlyingInstrumentName=f"UNDERLYING {number % 200}",
            expiry="30-Apr-2026 23:59",
            lotSize=75,
        )
        for number in range(1, count + 1)
    )


class Sent(NamedTuple):
    """An answer of the server: `length` is what it promises, where that is not the body's."""

    status: int
    body: bytes
    length: int | None = None


class FileServer:
    """Sends what `answers` holds for each file: one after the other, the last again and again."""

    def __init__(self) -> None:
        self.answers: dict[str, list[Sent]] = {file: [Sent(200, made_up(file, 10))] for file in CONTRACT_FILES}
        self.asked: list[str] = []
        server = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                server.send(self)

            def log_message(self, *args: object) -> None:
                """Silent."""

        self._http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._thread = Thread(target=self._http.serve_forever, args=(0.05,))

    @property
    def base_url(self) -> str:
        return f"http://127.0.0.1:{self._http.server_port}/v1"

    def send(self, handler: BaseHTTPRequestHandler) -> None:
        file = handler.path.removeprefix("/v1/contractfiles/").removesuffix(".csv")
        self.asked.append(file)
        answers = self.answers[file]
        sent = answers.pop(0) if len(answers) > 1 else answers[0]
        handler.send_response(sent.status)
        handler.send_header("Content-Length", str(len(sent.body) if sent.length is None else sent.length))
        handler.end_headers()
        handler.wfile.write(sent.body)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._http.shutdown()
        self._thread.join()
        self._http.server_close()
