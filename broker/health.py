"""What the broker floor says of itself, from our own tables: nobody waits for the broker here."""

from collections.abc import Iterator

from broker import conf, contract_table, tokens
from broker.models import BrokerSession
from broker.values import IST
from systemcache.health import Fact


def facts() -> Iterator[Fact]:
    yield _session()
    for info in contract_table.every_info():
        yield Fact(f"contracts {info.exchange}", None, f"{info.rows} rows", info.refreshed_at)


def _session() -> Fact:
    row = BrokerSession.objects.filter(client_id=conf.client_id(), expires_at__gt=tokens.now()).first()
    if row:
        return Fact("broker session", True, "until midnight (IST)", row.expires_at.astimezone(IST))
    if conf.simulated():
        return Fact("broker session", None, "the simulator's, made when it is first needed")
    return Fact("broker session", False, "Log in on the admin's page “Broker sessions”.")
