"""Proof that a ticket was looked at as it is: what it sends and what that costs stood beside the button.

The ticket's check signs what it has shown. A form that brings this signature back, soon and with the same values, is
sent without another page to confirm; any other is shown first.
"""

from datetime import timedelta

from django.core.signing import BadSignature, Signer
from django.utils.crypto import constant_time_compare, salted_hmac

from broker import clock
from dashboard.ticket import Ticket

GOOD_FOR = timedelta(seconds=60)  # what the order costs may have changed after that
signer = Signer(salt="dashboard.preview")  # TimestampSigner has a clock of its own, which tests could not move


def sign(user_id: int, ticket: Ticket) -> str:
    """Return the signature of a ticket that has passed its checks and is now shown."""
    return signer.sign(f"{_digest(user_id, ticket)}.{int(clock.now().timestamp())}")


def is_current(user_id: int, ticket: Ticket, signature: str) -> bool:
    """Whether the user was shown this very ticket within the last minute."""
    try:
        digest, _, seconds = signer.unsign(signature).partition(".")
    except BadSignature:
        return False
    age = clock.now().timestamp() - int(seconds)
    return constant_time_compare(digest, _digest(user_id, ticket)) and age <= GOOD_FOR.total_seconds()


def _digest(user_id: int, ticket: Ticket) -> str:
    shown = (
        user_id,
        ticket.key,
        ticket.contract.exchange,
        ticket.contract.instrument_id,
        ticket.params,
        ticket.changes,
    )
    order_id = ticket.order.order_id if ticket.order else ""
    return salted_hmac("dashboard.preview", repr((*shown, order_id)), algorithm="sha256").hexdigest()
