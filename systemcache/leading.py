"""One process of all, on any machine, that does a piece of work: by a lease in Redis that ends by itself.

Raises StoreUnavailable when Redis cannot be asked: then nobody leads.
"""

import secrets
from dataclasses import dataclass, field

from systemcache import conf, scripts
from systemcache.store import Client, guarded


@dataclass(frozen=True, slots=True)
class Candidate:
    """Who wants to lead `work`. What the leader does not renew within `seconds` another may take."""

    work: str
    seconds: float
    token: str = field(default_factory=lambda: secrets.token_hex(8))

    def leads(self) -> bool:
        """Whether the lead is this one's now, for `seconds` from now on."""
        return _lead(self)

    def resign(self) -> None:
        """Leaves the lead to others, if it has it."""
        _resign(self)


def _key(candidate: Candidate) -> str:
    return f"lead:{conf.prefix()}:{candidate.work}"


@guarded
def _lead(redis: Client, candidate: Candidate) -> bool:
    return bool(scripts.run(redis, scripts.LEAD, [_key(candidate)], [candidate.token, int(1000 * candidate.seconds)]))


@guarded
def _resign(redis: Client, candidate: Candidate) -> None:
    scripts.run(redis, scripts.RESIGN, [_key(candidate)], [candidate.token])
