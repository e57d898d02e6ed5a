"""The envelope around every answer: "status": "Ok" says little, the truth may lie inside `result` (iifl_api §2)."""

import json
from typing import Any

from broker.errors import BrokerAnswerUnclear, BrokerError, BrokerLoginRequired, NothingThere
from broker.mapping import codes, fields

SUCCESS = frozenset({"ok", "success", "true", "200"})
LISTS = ("orders", "trades", "positions", "holdings", "data", "positionList")


def result(answer: object) -> dict[str, Any] | list[Any]:
    """What the broker says, out of whichever envelope. Raises NothingThere, BrokerRefused, BrokerLoginRequired."""
    inner = answer
    if isinstance(answer, dict):
        outer = fields.row(answer)
        _refuse_status(outer, anything_but_success=True)
        inner = _unwrapped(outer["result"]) if "result" in outer else outer
    if not isinstance(inner, dict | list):
        raise BrokerAnswerUnclear("neither an object nor a list")
    _refuse_errors(inner)
    return inner


def refuse_dead_session(answer: object) -> None:
    """Raises BrokerLoginRequired when an answer, in whatever envelope, says that the session is not valid."""
    try:
        result(answer)
    except BrokerLoginRequired:
        raise
    except BrokerError:
        return  # for the reader of this answer to judge


def rows(answer: object) -> list[dict[str, Any]]:
    """The rows of a book; an empty book in any of its shapes is []."""
    try:
        inner = result(answer)
    except NothingThere:
        return []
    return [fields.row(raw) for raw in _listed(inner) if isinstance(raw, dict)]


def _listed(inner: dict[str, Any] | list[Any]) -> list[Any]:
    """The rows as a list: they may come in one, alone, or under a name."""
    if isinstance(inner, list):
        return inner
    named = fields.row(inner)
    return next((named[name] for name in LISTS if isinstance(named.get(name), list)), [inner])


def record(answer: object) -> dict[str, Any]:
    """One object, also when it comes as a list of one."""
    inner = result(answer)
    found = inner[0] if isinstance(inner, list) and inner else inner
    if not isinstance(found, dict):
        raise BrokerAnswerUnclear("an object was expected")
    return fields.row(found)


def _unwrapped(inner: object) -> Any:
    """A result may be JSON in a string once more."""
    if not isinstance(inner, str):
        return inner
    try:
        return json.loads(inner)
    except (ValueError, RecursionError):
        raise BrokerAnswerUnclear("the result is neither an object nor JSON in a string") from None


def _refuse_errors(inner: dict[str, Any] | list[Any]) -> None:
    head = inner[0] if isinstance(inner, list) and inner else inner
    if isinstance(head, dict):
        _refuse_status(fields.row(head), anything_but_success=False)


def _refuse_status(row: fields.Row, *, anything_but_success: bool) -> None:
    """An envelope says success or fails; a row inside it may have a status of its own, and fails by code only.

    A failed login says `stat` and `emsg` in place of `status` and `message`.
    """
    status = fields.text(fields.first(row, ("status", "stat")))
    message = fields.text(fields.first(row, ("message", "emsg")))
    if status.upper().startswith("EC"):
        raise codes.refusal(status.upper(), message)
    says_no = anything_but_success or "emsg" in row or status.lower().startswith("not")
    if status and status.lower() not in SUCCESS and says_no:
        raise codes.refusal(status, message)
