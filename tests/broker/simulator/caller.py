"""Somebody who calls the simulator, on clocks that the test holds."""

import json
from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from hashlib import sha256
from typing import Any

from broker.simulator import Simulator
from broker.simulator.wire import Answer, Request

IST = timezone(timedelta(hours=5, minutes=30))
THURSDAY_AT_ELEVEN = datetime(2025, 11, 20, 11, 0, 30, tzinfo=IST)

Simulate = Callable[..., Simulator]

# Bodies of calls.
HISTORY = {
    "exchange": "NSEEQ",
    "instrumentId": "1594",
    "interval": "1 day",
    "fromDate": "03-Nov-2025",
    "toDate": "07-Nov-2025",
}
QUOTES = [{"exchange": "NSEEQ", "instrumentId": "1594"}]
ORDER = QUOTES[0] | {"transactionType": "BUY", "quantity": "5", "product": "INTRADAY", "orderType": "MARKET"}
BUY = {
    **QUOTES[0],
    "transactionType": "BUY",
    "quantity": "5",
    "orderComplexity": "REGULAR",
    "product": "INTRADAY",
    "orderType": "MARKET",
    "validity": "DAY",
    "marketProtectionPercent": "0.5",
    "orderTag": "my tag",
}


class Hands:
    """The clocks, in the hands of the test."""

    def __init__(self) -> None:
        self.now = THURSDAY_AT_ELEVEN
        self.seconds = 0.0
        self.slept: list[float] = []


class Caller:
    """Calls without a network, with a session once logged in."""

    def __init__(self, simulator: Simulator) -> None:
        self.simulator = simulator
        self.token = ""

    def log_in(self, auth_code: str = "SIMULATED") -> dict[str, Any]:
        checksum = sha256(f"SIM0001{auth_code}simulator-secret".encode()).hexdigest()
        answer = self.content("POST", "/getusersession", {"checkSum": checksum})
        self.token = answer.get("userSession", "")
        return answer

    def send(self, method: str, path: str, body: object = b"") -> Answer:
        raw = body if isinstance(body, bytes) else json.dumps(body).encode()
        return self.simulator.handle(Request(method, f"/v1{path}", raw, self.token))

    def content(self, method: str, path: str, body: object = b"") -> dict[str, Any]:
        content: dict[str, Any] = json.loads(self.send(method, path, body).body)
        return content

    def get(self, path: str) -> Any:
        return self.content("GET", path)["result"]

    def history(self, interval: str, first: str, last: str, number: str = "2885") -> list[list[Any]]:
        asked = {"exchange": "NSEEQ", "instrumentId": number, "interval": interval}
        dates = {"fromDate": first, "toDate": last}
        answer = self.content("POST", "/marketdata/historicaldata", asked | dates)
        candles: list[list[Any]] = answer["result"][0]["candles"]
        return candles

    def quotes(self, *numbers: str) -> list[dict[str, Any]]:
        asked = [{"exchange": "NSEEQ", "instrumentId": number} for number in numbers]
        rows: list[dict[str, Any]] = self.content("POST", "/marketdata/marketquotes", asked)["result"]
        return rows


def place(caller: Caller, **change: object) -> dict[str, Any]:
    (row,) = caller.content("POST", "/orders", [BUY | change])["result"]
    return dict(row)


def in_book(caller: Caller, number: str) -> dict[str, Any]:
    (row,) = [row for row in caller.get("/orders") if row["brokerOrderId"] == number]
    return dict(row)
