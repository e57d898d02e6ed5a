"""Confirmations, which name what will be sent: a dialog over the page, or a page of its own without scripts."""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass, field

from django.http import HttpRequest, HttpResponse

from dashboard import parts


def new_key() -> str:
    return uuid.uuid4().hex


@dataclass(frozen=True)
class Confirmation:
    """`lines` name what will be sent, one line each; `hidden` are the form's hidden fields.

    `refusal` says why it cannot be sent now. `key` makes a repeated form the same request; a new one makes its own.
    """

    title: str
    button: str
    address: str
    back: str
    details: Sequence[tuple[str, str]] = ()
    lines: Sequence[str] = ()
    hidden: Sequence[tuple[str, str]] = ()
    notes: Sequence[str] = ()
    refusal: str = ""
    key: str = field(default_factory=new_key)


def show(request: HttpRequest, confirmation: Confirmation, status: int = 200) -> HttpResponse:
    response = parts.show(request, "confirm", "confirm", {"confirmation": confirmation}, status)
    response["Cache-Control"] = "no-store"  # a page from the history would have a key that was used
    return response
