"""Unwraps the broker's answers: with "status": "Ok" there may still be an error inside `result` (iifl_api §2)."""

import json
from typing import Any

from broker.errors import BrokerAnswerUnclear, BrokerError, BrokerLoginRequired, EmptyBook
from broker.iifl.mapping import codes, fields

SUCCESS_WORDS = frozenset({"ok", "success", "true", "200"})
LIST_NAMES = ("orders", "trades", "positions", "holdings", "data", "positionList")


def result(answer: object) -> dict[str, Any] | list[Any]:
    """Return the content of any kind of envelope. Raises EmptyBook, BrokerRefused, BrokerLoginRequired."""
    inner = answer
    if isinstance(answer, dict):
        outer = fields.row(answer)
        _raise_for_status(outer, success_required=True)
        inner = _parse_result(outer["result"]) if "result" in outer else outer
    if not isinstance(inner, dict | list):
        raise BrokerAnswerUnclear("neither an object nor a list")
    head = inner[0] if isinstance(inner, list) and inner else inner
    if isinstance(head, dict):
        _raise_for_status(fields.row(head), success_required=False)
    return inner


def raise_if_session_ended(answer: object) -> None:
    """Raise BrokerLoginRequired if an answer, in any kind of envelope, says that the session is not valid."""
    try:
        result(answer)
    except BrokerLoginRequired:
        raise
    except BrokerError:
        return  # for the mapping of this route to handle


def rows(answer: object) -> list[dict[str, Any]]:
    """Return the rows of a book; an empty book has several forms.

    What may hold rows that cannot be read is not an empty book: it raises BrokerAnswerUnclear.
    """
    try:
        inner = result(answer)
    except EmptyBook:
        return []
    if isinstance(inner, dict):  # a list under a name, or a single row
        named = fields.row(inner)
        inner = next((named[name] for name in LIST_NAMES if isinstance(named.get(name), list)), [inner])
        if inner == [named] and any(isinstance(value, dict | list) and value for value in named.values()):
            raise BrokerAnswerUnclear("a book under a name that is not known")
    if not all(isinstance(raw, dict) for raw in inner):
        raise BrokerAnswerUnclear("a row of a book that is no object")
    return [fields.row(raw) for raw in inner]


def record(answer: object) -> dict[str, Any]:
    """Return one object, which may come as a list of one."""
    inner = result(answer)
    only = inner[0] if isinstance(inner, list) and inner else inner
    if not isinstance(only, dict):
        raise BrokerAnswerUnclear("an object was expected")
    return fields.row(only)


def _parse_result(inner: object) -> Any:
    """Parse a result that is JSON in a string."""
    if not isinstance(inner, str):
        return inner
    try:
        return json.loads(inner)
    except (ValueError, RecursionError):
        raise BrokerAnswerUnclear("the result is neither an object nor JSON in a string") from None


def _raise_for_status(row: fields.Row, *, success_required: bool) -> None:
    """Raise for any status but success in an envelope; a row may have a status of its own, so raise for EC codes only.

    A failed login has `stat` and `emsg` in place of `status` and `message`.
    """
    status = fields.text(fields.first_filled(row, ("status", "stat")))
    message = fields.text(fields.first_filled(row, ("message", "emsg")))
    if status.upper().startswith("EC"):
        raise codes.error_for_code(status.upper(), message)
    is_failure = success_required or "emsg" in row or status.lower().startswith("not")
    if status and status.lower() not in SUCCESS_WORDS and is_failure:
        raise codes.error_for_code(status, message)
