"""The broker's answers as it may wrap them, for tests of the mapping."""

import json
from collections.abc import Callable
from typing import Any

Shape = Callable[[Any], Any]


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
