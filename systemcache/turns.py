"""Turns to call a source that counts its callers: at most so many in any stretch of time, over all processes.

Redis hands them out in the order of asking. Who has a turn knows when it comes and sleeps until then: the last of many
waiters costs no more than the first. When the turn has come a call still waits for as long as too many others count:
one counts from before it is sent until a window after its end, for when it arrived in between only the source knows.

While Redis is away each process keeps to its share, counting what it has called already, and at first waits until what
the others called with Redis's leave counts no more. So it goes on until all others must have found Redis again, too: an
empty Redis knows of no call that was made without it.
"""

from contextlib import suppress

from systemcache import conf, shared_turns
from systemcache.errors import StoreUnavailable
from systemcache.own_turns import Absence, NoTurnSoon, OwnCalls, OwnTurns, Pace

# Seconds after which a call has arrived, or never will: the time to connect, and a little.
LONGEST_WAY = 6.0

own = OwnTurns()
_calls = OwnCalls()
_absence = Absence()


def take(name: str, pace: Pace, *, longest: float, processes: int) -> float:
    """Seconds until a turn that is the caller's from now on. Raises NoTurnSoon when it would be more than `longest`."""
    try:
        delay = shared_turns.take_turn(name, pace.calls, pace.window, longest)
    except StoreUnavailable:
        return own.take(name, pace.shared(processes), longest)
    if delay < 0:
        raise NoTurnSoon(-delay)
    own.note(name, delay, pace)
    return delay


def enter(name: str, token: str, pace: Pace, processes: int) -> float:
    """0 when the call may be sent; else seconds after which to ask again."""
    mine = pace.shared(processes) if _absence.lasts() else pace
    if wait := _calls.enter(name, token, mine, LONGEST_WAY):
        return wait
    try:
        wait = shared_turns.enter(name, token, pace.calls, LONGEST_WAY)
        _absence.found(conf.breaker_pause() + conf.keeper_interval() + pace.window)
    except StoreUnavailable:
        wait = _absence.lost(pace.window)
    if wait:
        _calls.withdraw(name, token)
    return wait


def leave(name: str, token: str, pace: Pace) -> None:
    _calls.leave(name, token, pace.window)
    with suppress(StoreUnavailable):
        shared_turns.leave(name, token, pace.window)


def pause(name: str, pace: Pace, *, seconds: float) -> None:
    """No turn for so many seconds, in any process: the source has said that it was called too often."""
    own.pause(name, pace, seconds)
    with suppress(StoreUnavailable):  # the others will be told by the source themselves
        shared_turns.pause_turns(name, pace.calls, pace.window, seconds)


def forget() -> None:
    """For tests."""
    own.forget()
    _calls.forget()
    _absence.forget()
