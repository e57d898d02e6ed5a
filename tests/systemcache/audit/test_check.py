"""The rule by which the auditor judges: it finds what is stale, and accuses nobody while a write is under way."""

from collections.abc import Callable
from datetime import date, timedelta
from decimal import Decimal

import msgspec
import pytest
from django.contrib.auth.models import Permission, User
from django.contrib.sessions.models import Session
from django.utils import timezone

from broker.cache_families import CALENDAR
from broker.calendar import table
from broker.models import TradingDay
from systemcache import codec, families
from systemcache.audit import check
from systemcache.audit.check import CURRENT, NEAR, REDIS, UNDECIDED, VIOLATION, Answer
from systemcache.auth import sessions
from systemcache.auth.backends import CachedBackend, CachedTokenAuthentication
from systemcache.auth.cache_families import SESSION, TOKEN, USER
from systemcache.auth.sessions import SessionStore
from systemcache.cached_value import Content
from systemcache.codec import Entry
from systemcache.fetching.fetch import peek
from systemcache.fetching.read import entry_ref
from systemcache.invalidation import clear, outbox
from systemcache.local import near_cache
from systemcache.models import ApiToken
from systemcache.storage.breaker import breaker
from tests.support.clock import Clock
from tests.systemcache.audit.planting import SHOWN, setting_becomes, write_past_the_site, write_without_a_record
from tests.systemcache.samples import SAMPLES
from watchlist import selectors
from watchlist.cache_families import SETTINGS, SIGNALS, WATCHLIST
from watchlist.models import Signal, TradingSetting, WatchlistItem

HEARD_WITHIN = 0.5  # seconds, of a write of another program


class Pauses:
    """Stands for the time between rounds: what happens in it, by the number of the pause."""

    def __init__(self, *happens: Callable[[], object]) -> None:
        self.happens = list(happens)
        self.number = 0

    def __call__(self, seconds: float) -> None:
        self.number += 1
        if self.number <= len(self.happens):
            self.happens[self.number - 1]()


def nothing() -> None:
    pass


@pytest.mark.usefixtures("setting")
class TestRedis:
    def test_a_current_answer_is_current(self) -> None:
        assert check.judge(SHOWN, Pauses()) == (CURRENT, 0.0)

    def test_the_answer_itself_is_compared_though_nothing_is_shown_any_more(self) -> None:
        given = SHOWN._replace(content=selectors.trading_settings().content)
        clear.invalidate(SETTINGS.name)
        assert check.judge(given, Pauses()).outcome == CURRENT
        write_without_a_record(setting_becomes(2))
        assert check.judge(given, Pauses()).outcome == CURRENT  # nobody is shown it any more

    def test_a_write_that_left_no_record_makes_the_answer_a_violation(self) -> None:
        write_without_a_record(setting_becomes(2))
        verdict = check.judge(SHOWN, Pauses())
        assert verdict.outcome == VIOLATION
        assert verdict.staleness > 0

    def test_a_write_of_another_program_is_waited_for(self) -> None:
        write_past_the_site(setting_becomes(2))
        pauses = Pauses(*[nothing] * 12, outbox.replay)
        assert check.judge(SHOWN, pauses).outcome == CURRENT
        assert pauses.number == 13

    def test_a_write_of_another_program_has_twice_its_bound_to_be_heard_of(self) -> None:
        write_past_the_site(setting_becomes(2))
        pauses = Pauses()
        assert check.judge(SHOWN, pauses).outcome == VIOLATION
        assert pauses.number * check.PAUSE >= 2 * HEARD_WITHIN

    def test_what_is_loaded_again_after_a_write_is_compared_again(self) -> None:
        def write_and_read() -> None:
            outbox.replay()
            selectors.trading_settings()

        write_past_the_site(setting_becomes(2))
        assert check.judge(SHOWN, Pauses(write_and_read)).outcome == CURRENT

    def test_a_source_that_always_changes_is_left_undecided(self, monkeypatch: pytest.MonkeyPatch) -> None:
        numbers = iter(range(2, 1_000))
        read_source = check.read_source

        def changing(answer: Answer) -> bytes | None:
            clear.invalidate(SETTINGS.name)
            selectors.trading_settings()
            write_past_the_site(setting_becomes(next(numbers)))
            return read_source(answer)

        monkeypatch.setattr(check, "read_source", changing)
        assert check.judge(SHOWN, Pauses()).outcome == UNDECIDED

    def test_a_write_that_is_undone_between_two_looks_accuses_nobody(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """The entry shows the write; the source, read before it and after its undoing, does not."""
        read_source, looks = check.read_source, iter(range(10))

        def first_look_is_early(answer: Answer) -> bytes | None:
            found = read_source(answer)
            if next(looks) == 0:
                TradingSetting.objects.update(value="2")
                selectors.trading_settings()
            return found

        monkeypatch.setattr(check, "read_source", first_look_is_early)
        undo = Pauses(lambda: TradingSetting.objects.update(value="1"), selectors.trading_settings)
        assert check.judge(SHOWN, undo).outcome == CURRENT

    def test_a_value_that_is_gone_is_nothing_to_judge(self) -> None:
        clear.invalidate(SETTINGS.name)
        assert check.judge(SHOWN, Pauses()).outcome == UNDECIDED

    def test_without_redis_nothing_is_judged(self) -> None:
        write_without_a_record(setting_becomes(2))
        breaker.failed("Redis is away")
        assert check.judge(SHOWN, Pauses()).outcome == UNDECIDED

    def test_a_source_that_fails_says_nothing(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(TradingSetting.objects.__class__, "all", lambda _: 1 / 0)
        assert check.judge(SHOWN, Pauses()).outcome == UNDECIDED


def token_of(user: User, days: int | None = None) -> Answer:
    key = ApiToken.issue(user, "notebook", days=days)
    CachedTokenAuthentication().authenticate_credentials(key)
    return Answer(TOKEN, entry_ref(TOKEN, {"sha256": ApiToken.digest_of(key)}), REDIS)


def test_a_token_that_was_revoked_without_a_record_is_a_violation(user: User) -> None:
    answer = token_of(user)
    assert check.judge(answer, Pauses()).outcome == CURRENT
    write_without_a_record("DELETE FROM systemcache_apitoken")
    assert check.read_source(answer) is None
    assert check.judge(answer, Pauses()).outcome == VIOLATION


def test_a_token_that_ends_by_itself_accuses_nobody(user: User, monkeypatch: pytest.MonkeyPatch) -> None:
    answer = token_of(user, days=1)
    tomorrow = Clock(timezone.now() + timedelta(days=2))
    monkeypatch.setattr(timezone, "now", tomorrow)
    assert check.read_source(answer) is None
    assert check.judge(answer, Pauses()).outcome == UNDECIDED


def test_a_near_copy_is_judged_by_the_same_rule(user: User, monkeypatch: pytest.MonkeyPatch) -> None:
    answer = token_of(user)._replace(layer=NEAR)
    monkeypatch.setattr(near_cache.copies, "confirmed_until", float("inf"))
    assert peek(TOKEN, {"sha256": answer.ref.key.rpartition(":")[2]})
    assert check.judge(answer, Pauses()).outcome == CURRENT
    write_without_a_record("DELETE FROM systemcache_apitoken")
    pauses = Pauses()
    assert check.judge(answer, pauses).outcome == VIOLATION
    assert pauses.number == check.LATE_ROUNDS


def test_a_near_copy_that_is_gone_by_the_second_look_is_none(user: User, monkeypatch: pytest.MonkeyPatch) -> None:
    answer = token_of(user)._replace(layer=NEAR)
    monkeypatch.setattr(near_cache.copies, "confirmed_until", float("inf"))
    assert peek(TOKEN, {"sha256": answer.ref.key.rpartition(":")[2]})
    write_without_a_record("DELETE FROM systemcache_apitoken")
    assert check.judge(answer, Pauses(lambda: near_cache.copies.invalidate_tags([TOKEN.name]))).outcome == CURRENT


def test_permissions_in_another_order_are_the_same(user: User) -> None:
    permissions = Permission.objects.filter(content_type__app_label="broker")
    user.user_permissions.set(permissions)
    identity = CachedBackend().get_user(user.pk)
    answer = Answer(USER, entry_ref(USER, {"id": user.pk}), REDIS)
    shown = peek(USER, {"id": user.pk})
    assert identity
    assert shown
    names = sorted(shown.value.permissions)
    assert len(names) > 1
    for order in (names, names[::-1]):
        payload = codec.encode(msgspec.to_builtins(shown.value) | {"permissions": order})
        content = Content(USER.type, Entry(shown.created, shown.ttl, payload), families=(USER,))
        assert check.judge(answer._replace(content=content), Pauses()).outcome == CURRENT


def test_each_source_reads_what_is_cached(user: User) -> None:
    user.groups.create(name="traders")
    session = SessionStore()
    session["theme"] = "dark"
    session.save()
    SessionStore(session.session_key).load()
    CachedBackend().get_user(user.pk)
    digest = sessions.digest_of(str(session.session_key))
    for answer in (
        token_of(user),
        Answer(USER, entry_ref(USER, {"id": user.pk}), REDIS),
        Answer(SESSION, entry_ref(SESSION, {"sha256": digest}), REDIS),
    ):
        assert check.judge(answer, Pauses()).outcome == CURRENT
    Session.objects.all().delete()
    assert check.read_source(Answer(SESSION, entry_ref(SESSION, {"sha256": digest}), REDIS)) is None


@pytest.mark.usefixtures("transactional_db", "redis_store")
def test_each_list_is_read_by_its_source_as_it_is_cached() -> None:
    WatchlistItem.objects.create(symbol="TCS", category="hold", target_price=Decimal("4100.05"), notes="§ ₹")
    Signal.objects.create(symbol="TCS", signal_type="buy", price=Decimal("4000.5"), extras={"a": [1, None]})
    TradingDay.objects.create(exchange="NSEEQ", day=date(2026, 11, 30), hours="closed")
    selectors.watchlist(active="true", category="hold")
    selectors.signals(limit=50)
    table.rows()
    for answer in (
        Answer(WATCHLIST, entry_ref(WATCHLIST, {"active": "true", "category": "hold"}), REDIS),
        Answer(SIGNALS, entry_ref(SIGNALS, {"limit": 50}), REDIS),
        Answer(CALENDAR, entry_ref(CALENDAR, {}), REDIS),
    ):
        assert check.read_source(answer)
        assert check.judge(answer, Pauses()).outcome == CURRENT


def test_only_families_of_our_own_tables_name_a_source() -> None:
    named = {family.name for family in families.registered() if family.source and family not in SAMPLES}
    alerts = {"alerts", "recent_alerts", "watched_alerts"}
    others = {"watchlist", "signals", "settings", "account_state", "calendar", "token", "user", "session"}
    assert named == alerts | others
    assert all(family.strict for family in families.registered() if family.source)
