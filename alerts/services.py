"""Makes alerts, and carries out what judging says of them."""

import logging
from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any

from django.core.exceptions import ValidationError
from django.db import transaction

from alerts import conf
from alerts.delivery.addresses import check_address
from alerts.judging.rule import is_past_value
from alerts.meters import FIRED
from alerts.models import AlertDelivery, Channel, Kind, PriceAlert, State
from broker import gateway
from broker.errors import BrokerError
from broker.values import Contract
from watchlist import quotes

logger = logging.getLogger(__name__)

MAX_ACTIVE = 1_000  # of a user


def create(*, user: Any, symbol: str, exchange: str, values: Mapping[str, Any]) -> PriceAlert:
    """Make an alert of the other `values`, armed by the price of the moment if that is known.

    Raises ValidationError by field, UnknownSymbol, and BrokerError if the contract file cannot be fetched.
    """
    contract = gateway.resolve(symbol, exchange)
    alert = PriceAlert(
        user=user,
        symbol=quotes.symbol_of(contract),
        exchange=contract.exchange,  # an index has the exchange that quotes it
        instrument_id=contract.instrument_id,
        **values,
    )
    _check_channels(alert)
    _check_number(user)
    alert.armed = _armed_now(contract, Kind(alert.kind), alert.value)
    alert.full_clean()
    alert.save()
    alert.refresh_from_db(fields=("created_at",))
    return alert


def arm(alert_id: int, *, armed: bool) -> None:
    """Note on which side of its value an active alert has seen the price."""
    PriceAlert.objects.filter(pk=alert_id, state=State.ACTIVE).update(armed=armed)


def fire(alert_id: int, *, at: datetime, price: Decimal, change_percent: Decimal | None) -> bool:
    """Fire an active alert and commit the messages that say so; False if another process has, or it is gone.

    One UPDATE tests and sets, so that of several processes one fires it.
    """
    with transaction.atomic():
        active = PriceAlert.objects.filter(pk=alert_id, state=State.ACTIVE)
        if not active.update(
            state=State.FIRED, armed=False, fired_at=at, fired_price=price, fired_change_percent=change_percent
        ):
            return False
        alert = PriceAlert.objects.get(pk=alert_id)
        AlertDelivery.objects.bulk_create(
            [AlertDelivery(alert=alert, channel=channel, due_at=at) for channel in _channels(alert)]
        )
    FIRED.add(alert.kind)
    logger.info("alerts: alert %d fired: %s, at %s", alert.pk, alert, price)
    return True


def _channels(alert: PriceAlert) -> list[Channel]:
    chosen = {Channel.EVENT: True, Channel.EMAIL: alert.email, Channel.WEBHOOK: bool(alert.webhook_url)}
    return [channel for channel, is_chosen in chosen.items() if is_chosen]


def _check_channels(alert: PriceAlert) -> None:
    errors: dict[str, str] = {}
    if alert.email and not conf.sends_mail():
        errors["email"] = "This site sends no e-mail: EMAIL_URL is not set."
    elif alert.email and not alert.user.email:
        errors["email"] = "Your login has no e-mail address; the site's operator can enter one."
    if alert.webhook_url and not conf.webhook_secret():
        errors["webhook_url"] = "This site calls no webhooks: ALERT_WEBHOOK_SECRET is not set."
    elif alert.webhook_url and (reason := check_address(alert.webhook_url)):
        errors["webhook_url"] = reason
    if errors:
        raise ValidationError(errors)


def _check_number(user: Any) -> None:
    if PriceAlert.objects.filter(user=user, state=State.ACTIVE).count() >= MAX_ACTIVE:
        raise ValidationError(f"You have {MAX_ACTIVE} active alerts; delete some first.")


def _armed_now(contract: Contract, kind: Kind, value: Decimal) -> bool | None:
    """Whether the price of the moment is on the far side of the value; None if no price is known."""
    if not gateway.can_be_quoted(contract):
        return None
    try:
        (quote,) = gateway.quotes_of([contract])
    except BrokerError as error:
        logger.info("alerts: no price of %s for a new alert: %s", contract.trading_symbol, error)
        return None
    if quote is None or quote.value.ltp <= 0:
        return None
    past = is_past_value(kind, value, quote.value.ltp, quote.value.change_percent)
    return None if past is None else not past
