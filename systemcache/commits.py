"""What is to run after a commit, also in a transaction that was begun by hand (`set_autocommit(False)`)."""

from collections.abc import Callable
from contextlib import nullcontext

from django.db import connections, transaction


def on_commit(hook: Callable[[], object], using: str) -> None:
    """Run `hook` after the commit, at once outside a transaction; an error of it is logged and fails no write.

    Django keeps what is registered in a transaction that was begun by hand until autocommit is on again, and refuses
    to register anything there outside of an atomic block.
    """
    connection = connections[using]
    by_hand = not (connection.in_atomic_block or connection.get_autocommit())
    with transaction.atomic(using=using, savepoint=False) if by_hand else nullcontext():
        transaction.on_commit(hook, using=using, robust=True)
