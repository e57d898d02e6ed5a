"""The outbox: nothing is lost, nothing is delivered twice by two processes, and nobody is asked for ever."""

import smtplib
from datetime import datetime, timedelta
from decimal import Decimal
from typing import NoReturn

import msgspec
import pytest
from django.core import mail
from django.core.mail import EmailMessage

from alerts import services
from alerts.delivery import outbox
from alerts.delivery.outbox import BACKOFF, CLAIM, NotDelivered
from alerts.models import AlertDelivery, Channel, DeliveryState, PriceAlert
from broker import clock
from systemcache.storage import event_log
from tests.alerts.conftest import NOW, MakeAlert
from tests.support.clock import Clock

pytestmark = pytest.mark.django_db
Moving = Clock[datetime]


@pytest.fixture
def now(monkeypatch: pytest.MonkeyPatch) -> Moving:
    moving = Clock(NOW)
    monkeypatch.setattr(clock, "now", moving)
    return moving


@pytest.fixture
def fired(make_alert: MakeAlert, now: object) -> PriceAlert:
    alert = make_alert(email=True, webhook_url="https://example.com/hook", note="Sell half")
    services.fire(alert.pk, at=NOW, price=Decimal("2905.5"), change_percent=Decimal("1.25"))
    alert.refresh_from_db()
    return alert


def delivery(channel: str = Channel.WEBHOOK) -> AlertDelivery:
    return AlertDelivery.objects.get(channel=channel)


def claimed(channel: str = Channel.WEBHOOK) -> AlertDelivery:
    (found,) = [row for row in outbox.due(clock.now(), 10) if row.channel == channel]
    assert outbox.claim(found, clock.now())
    return found


def refuse(_: AlertDelivery) -> NoReturn:
    raise NotDelivered("The receiver answered 503.")


def fail(_: AlertDelivery) -> NoReturn:
    raise RuntimeError("a fault of ours")


def deliver(_: AlertDelivery) -> None:
    pass


@pytest.mark.usefixtures("fired")
def test_a_message_is_claimed_by_one_process() -> None:
    (first,), (second,) = ([row for row in outbox.due(NOW, 10) if row.channel == "webhook"] for _ in range(2))
    assert (outbox.claim(first, NOW), outbox.claim(second, NOW)) == (True, False)
    assert [row.channel for row in outbox.due(NOW, 10)] == ["event", "email"]


@pytest.mark.usefixtures("fired")
def test_a_message_whose_process_died_is_tried_again(now: Moving) -> None:
    claimed()
    now.now = NOW + CLAIM
    again = claimed()
    assert again.attempts == 2


@pytest.mark.usefixtures("fired")
def test_a_delivered_message_is_over() -> None:
    outbox.attempt(claimed(), deliver)
    assert (delivery().state, delivery().ended_at, delivery().attempts) == (DeliveryState.DELIVERED, NOW, 1)
    assert "webhook" not in [row.channel for row in outbox.due(NOW + timedelta(days=9), 10)]


@pytest.mark.usefixtures("fired")
def test_a_refused_message_is_tried_again_ever_later_and_given_up_after_a_day(now: Moving) -> None:
    pauses = []
    while delivery().state == DeliveryState.PENDING:
        outbox.attempt(claimed(), refuse)
        if delivery().state == DeliveryState.PENDING:
            pauses.append((delivery().due_at - now.now).total_seconds())
            now.now = delivery().due_at
    assert tuple(pauses) == BACKOFF
    assert timedelta(hours=23) < now.now - NOW < timedelta(hours=25)
    assert (delivery().state, delivery().last_error) == (DeliveryState.FAILED, "The receiver answered 503.")


@pytest.mark.usefixtures("fired")
def test_what_trying_again_cannot_help_is_over_at_once() -> None:
    def gone(_: AlertDelivery) -> NoReturn:
        raise NotDelivered("The receiver answered 410.", final=True)

    outbox.attempt(claimed(), gone)
    assert delivery().state == DeliveryState.FAILED


@pytest.mark.usefixtures("fired")
def test_a_fault_of_ours_is_logged_and_tried_again(caplog: pytest.LogCaptureFixture) -> None:
    outbox.attempt(claimed(), fail)
    assert delivery().state == DeliveryState.PENDING
    assert "a fault of ours" in caplog.text
    assert "RuntimeError" in delivery().last_error


@pytest.mark.usefixtures("redis_store")
def test_an_event_shows_the_alert_to_its_owner(fired: PriceAlert) -> None:
    position = event_log.end()
    for _ in range(2):  # tried again, it is told once
        outbox.send_event(delivery(Channel.EVENT))
    page = event_log.after(position, event_log.end())
    assert page
    (event,) = page.events
    assert (event.kind, event.key) == ("alert", f"{fired.user_id}:{fired.pk}")
    assert msgspec.json.decode(event.data)["fired_price"] == "2905.50"


@pytest.mark.usefixtures("fired")
def test_an_event_waits_for_redis() -> None:
    outbox.attempt(claimed(Channel.EVENT), outbox.send_event)
    assert (delivery(Channel.EVENT).state, delivery(Channel.EVENT).attempts) == (DeliveryState.PENDING, 1)


def test_an_email_says_what_happened(fired: PriceAlert) -> None:
    outbox.attempt(claimed(Channel.EMAIL), outbox.send_email)
    (message,) = mail.outbox
    assert message.to == ["owner@example.com"]
    assert message.subject == "Alert: RELIANCE is at ₹2,905.50, at or above ₹2,900.00"
    assert "Note: Sell half" in message.body
    assert "08 Jan 2026, 11:00:00 IST" in message.body
    assert delivery(Channel.EMAIL).state == DeliveryState.DELIVERED


@pytest.mark.parametrize(("change", "said"), [(Decimal("-2.61"), "-2.61 %"), (None, "unknown")])
def test_an_email_of_a_days_change_says_both_numbers(make_alert: MakeAlert, change: Decimal | None, said: str) -> None:
    alert = make_alert(kind="change_below", value=Decimal("-2.5"), email=True)
    services.fire(alert.pk, at=NOW, price=Decimal("100290.5"), change_percent=change)
    outbox.attempt(claimed(Channel.EMAIL), outbox.send_email)
    expected = f"Alert: RELIANCE is at ₹1,00,290.50, its day's change {said}, at or below -2.50 %"
    assert mail.outbox[0].subject == expected


def test_a_note_cannot_add_headers_to_an_email(make_alert: MakeAlert) -> None:
    alert = make_alert(email=True, note="x\r\nBcc: others@example.com")
    services.fire(alert.pk, at=NOW, price=Decimal(2905), change_percent=None)
    outbox.attempt(claimed(Channel.EMAIL), outbox.send_email)
    assert mail.outbox[0].recipients() == ["owner@example.com"]


@pytest.mark.usefixtures("fired")
def test_a_mail_server_that_fails_is_asked_again(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse_mail(self: EmailMessage) -> NoReturn:
        raise smtplib.SMTPAuthenticationError(535, b"user@example.com secret")

    monkeypatch.setattr(EmailMessage, "send", refuse_mail)
    outbox.attempt(claimed(Channel.EMAIL), outbox.send_email)
    found = delivery(Channel.EMAIL)
    assert found.state == DeliveryState.PENDING
    assert "secret" not in found.last_error


def test_an_address_that_has_become_private_is_not_called(fired: PriceAlert) -> None:
    PriceAlert.objects.update(webhook_url="https://127.0.0.1/")
    outbox.attempt(claimed(), outbox.send_webhook)
    assert delivery().state == DeliveryState.FAILED
    assert "not a public address" in delivery().last_error


def test_a_deleted_alert_takes_its_messages_along(fired: PriceAlert) -> None:
    found = claimed()
    fired.delete()
    outbox.attempt(found, deliver)
    assert not AlertDelivery.objects.exists()
