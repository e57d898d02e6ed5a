"""Random orders of loads, writes, evictions and clears on a real Redis, against one sentence: a read that begins after
a write has ended never shows anything older."""

from dataclasses import dataclass
from datetime import UTC, datetime

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule, run_state_machine_as_test
from redis import Redis

from systemcache import codec
from systemcache.invalidation.clear import clear, target
from systemcache.storage import entries, generations, key_names, leases
from tests.systemcache.promises import naive

READERS = 3
NAMES = st.sampled_from("ab")
TAGS = {name: ("promise_number", f"promise:{name}") for name in "ab"}
MARKS = ("lease:*", "gen:*:promise_number", "gen:*:promise:a", "epoch:*", "wake:*", "iifl:*", "*")
QUICK = settings(
    max_examples=150,
    stateful_step_count=40,
    deadline=None,
    print_blob=True,  # what fails can be run again
    suppress_health_check=list(HealthCheck),
)


def ref(name: str) -> key_names.EntryRef:
    return key_names.EntryRef(f"promise:number:{name}", TAGS[name])


@dataclass
class Load:
    """A load under way: its lease, and the number that it has seen in the source."""

    lease: leases.Lease
    seen: int


class Cache(RuleBasedStateMachine):
    """Three readers, each of which may be in the middle of a load; writes that may be committed and not yet ended."""

    redis: Redis

    @initialize()
    def begin(self) -> None:
        self.redis.flushall()
        self.committed = dict.fromkeys("ab", 0)
        self.ended = dict.fromkeys("ab", 0)
        self.loads: list[Load] = []

    def check(self, name: str, found: entries.Lookup) -> bool:
        if isinstance(found, codec.Entry):
            assert int(found.payload) >= self.ended[name], "stale"
        return isinstance(found, codec.Entry)

    @rule(name=NAMES)
    def read(self, name: str) -> None:
        """A hit; or the beginning of a load, if nobody else loads."""
        if self.check(name, entries.read(ref(name))) or len(self.loads) == READERS:
            return
        asked = leases.acquire(ref(name), 30)
        self.check(name, asked.entry)
        if asked.lease:
            self.loads.append(Load(asked.lease, self.committed[name]))

    @precondition(lambda self: self.loads)
    @rule(turn=st.integers(0, READERS - 1))
    def store_what_was_loaded(self, turn: int) -> None:
        load = self.loads.pop(turn % len(self.loads))
        leases.store(load.lease, codec.Entry(datetime.now(UTC), 60, b"%d" % load.seen), 60)

    @precondition(lambda self: self.loads)
    @rule()
    def fail_to_load(self) -> None:
        leases.release(self.loads.pop().lease)

    @rule(name=NAMES)
    def commit(self, name: str) -> None:
        self.committed[name] += 1

    @rule(name=NAMES, by=st.integers(0, 1))
    def end_of_write(self, name: str, by: int) -> None:
        """Its family or its tag is dropped; what was committed until then must be seen from now on."""
        generations.invalidate_tags([TAGS[name][by]])
        for touched in "ab" if by == 0 else name:
            self.ended[touched] = self.committed[touched]

    @rule(name=NAMES, chosen=st.sampled_from(("pattern", "tag")))
    def clear_by_hand(self, name: str, chosen: str) -> None:
        what = {"pattern": f"promise:*:{name}"} if chosen == "pattern" else {"tag": f"promise:{name}"}
        clear(target(**what), by="test")
        self.ended[name] = self.committed[name]

    @rule(marks=st.sampled_from(MARKS))
    def evict(self, marks: str) -> None:
        """What Redis may lose at any time: leases that end, generations, the epoch, values."""
        for key in self.redis.scan_iter(marks):
            self.redis.delete(key)


@pytest.fixture(autouse=True)
def _quiet(caplog: pytest.LogCaptureFixture) -> None:
    """Clears are told in the log; here they are hundreds."""
    caplog.set_level("WARNING", "systemcache")


def machine(redis: Redis, *without: str) -> type[Cache]:
    """`without`: rules that are left out."""
    return type("CacheOnRedis", (Cache,), {"redis": redis, **dict.fromkeys(without)})


@pytest.mark.django_db
@pytest.mark.timeout(180)
def test_in_no_order_of_events_does_a_read_show_what_a_finished_write_has_replaced(redis: Redis) -> None:
    run_state_machine_as_test(machine(redis), settings=QUICK)


@pytest.mark.django_db
@pytest.mark.timeout(180)
def test_the_same_events_without_leases_do(redis: Redis, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(leases, "store_many", naive.store_unconditionally)
    # Always the same ones; not made smaller, which takes long. What empties the cache would hide what is wrong in it.
    same = settings(QUICK, max_examples=2_000, print_blob=False, derandomize=True, phases=[Phase.generate])
    with pytest.raises(AssertionError, match="stale"):
        run_state_machine_as_test(machine(redis, "evict", "clear_by_hand"), settings=same)
