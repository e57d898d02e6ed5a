"""The broker's requests and answers: samples of them, and the wrappings that they may come in.

The samples have the names and the shape of the examples in the broker's documents; their values are made up.
"""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from broker.iifl.endpoints import Endpoint
from broker.iifl.session import TokenStore
from broker.iifl.transport import HTTPTransport

Shape = Callable[[Any], Any]
SAMPLES = Path(__file__).with_name("samples")


def sample(name: str) -> Any:
    return json.loads((SAMPLES / f"{name}.json").read_text())


def kind(value: object) -> object:
    """The JSON type of a value; of a list that of its first item, because all its rows are alike."""
    if isinstance(value, dict):
        return {key: kind(item) for key, item in value.items()}
    if isinstance(value, list):
        return [kind(value[0])] if value else []
    if isinstance(value, bool) or value is None or isinstance(value, str):
        return type(value).__name__
    return "number"


def answer_calls(monkeypatch: pytest.MonkeyPatch, answer: Callable[[Endpoint, Any], Any]) -> None:
    """Let `answer` take each call's route and body in place of the broker, with whom there is a session."""
    TokenStore().save("the session of the day")
    monkeypatch.setattr(HTTPTransport, "call", lambda _, endpoint, *, body=None, **__: answer(endpoint, body))


def ok(result: Any) -> dict[str, Any]:
    return {"status": "Ok", "message": "Success", "result": result}


# One and the same row in every wrapping that the broker or its documents have used for books (iifl_api §2).
ROW_SHAPES: dict[str, Shape] = {
    "bare": lambda row: row,
    "bare list": lambda row: [row],
    "wrapped object": ok,
    "wrapped list": lambda row: ok([row]),
    "JSON in a string": lambda row: ok(json.dumps([row])),
    "under a name": lambda row: ok({"data": [row]}),
    "under a name with a trailing blank": lambda row: ok({"data ": [row]}),
    "keys with a trailing blank": lambda row: {
        "status ": "Ok",
        "result ": [{f"{key} ": value for key, value in row.items()}],
    },
}

# An EC row as an object and as a list of one, wrapped and bare.
EC_SHAPES: dict[str, Callable[[str], Any]] = {
    "object": lambda code: ok({"status": code, "message": "so it is"}),
    "list": lambda code: ok([{"status": code, "message": "so it is"}]),
    "bare": lambda code: {"status": code, "message": "so it is"},
    "bare list": lambda code: [{"status": code, "message": "so it is"}],
    "JSON in a string": lambda code: ok(json.dumps([{"status": code, "message": "so it is"}])),
    "lower case": lambda code: ok({"status": code.lower(), "message": "so it is"}),
    "stat and emsg": lambda code: {"stat": code, "emsg": "so it is"},
}
