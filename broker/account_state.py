"""The broker session and the trading switch as pages show them: cached, and current after each write.

What decides about orders reads the switch from the database (orders/switch.py).
"""

from broker import clock
from broker.cache_families import ACCOUNT_STATE
from broker.clock import IST
from broker.iifl.session import stored_session
from broker.orders import switch
from broker.values import AccountState
from systemcache.cached_value import CachedValue
from systemcache.fetching.fetch import fetch


def account_state() -> CachedValue[AccountState]:
    return fetch(ACCOUNT_STATE, {}, load)


def load() -> AccountState:
    """Read both tables."""
    session = stored_session(clock.now())
    return AccountState(session_ends=session.expires_at.astimezone(IST) if session else None, switch=switch.recorded())
