"""Order requests: who requested what, and the outcome."""

from django.conf import settings
from django.db import models
from django.db.models.functions import Now


class OrderRequest(models.Model):
    """A request to place, change or cancel an order: committed before the call to the broker, completed after it.

    Whatever happens in between, each order that this site has sent has its row here, found by the order's tag.
    """

    class Action(models.TextChoices):
        PLACE = "place"
        CHANGE = "change"
        CANCEL = "cancel"

    class State(models.TextChoices):
        WAITING = "waiting", "waiting to be sent"
        SENT = "sent", "sent, no answer yet"
        ACCEPTED = "accepted", "taken by the broker"
        REFUSED = "refused", "refused by the broker"
        NOT_SENT = "not_sent", "not sent"
        UNKNOWN = "unknown", "sent, outcome unknown"
        NOT_IN_BOOK = "not_in_book", "sent, had no effect"

    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="order_requests")
    client_id = models.CharField("account", max_length=40)
    action = models.CharField(max_length=8, choices=Action)
    key = models.CharField("idempotency key", max_length=64, null=True, blank=True)
    fingerprint = models.CharField(max_length=64, editable=False)
    exchange = models.CharField(max_length=12)
    symbol = models.CharField(max_length=64)
    instrument_id = models.CharField(max_length=64, blank=True, default="", db_default="")
    asked = models.JSONField(help_text="As it was asked for; quantities in units, prices in rupees.")
    before = models.JSONField(
        null=True, blank=True, editable=False, help_text="What a change was to change, as the book showed it before."
    )
    tag = models.CharField(max_length=50, blank=True, help_text="By which the broker's book shows the order as ours.")
    order_id = models.CharField(max_length=40, blank=True)
    credential = models.CharField(
        "with",
        max_length=160,
        blank=True,
        default="",
        db_default="",
        help_text="The token, or the mark of the session, that asked for it.",
    )
    state = models.CharField(
        "request",
        max_length=12,
        choices=State,
        default=State.WAITING,
        help_text=(
            "What became of the request, not of the order: an order that the broker has taken may be rejected, or "
            "cancelled, later. Not sent: the same request can be tried again. Had no effect: the order book proved it, "
            "a minute or more after it was sent."
        ),
    )
    tries = models.PositiveIntegerField(default=1)
    created_at = models.DateTimeField(db_default=Now())
    tried_at = models.DateTimeField()
    sent_at = models.DateTimeField(null=True, blank=True)
    ended_at = models.DateTimeField(null=True, blank=True)
    taken_at = models.DateTimeField("taken by the broker", null=True, blank=True)
    status_code = models.PositiveSmallIntegerField(null=True, blank=True, editable=False)
    code = models.CharField(max_length=40, blank=True)
    ec = models.TextField("the broker's code", blank=True, default="", db_default="", editable=False)
    message = models.TextField(blank=True)
    looks_like = models.JSONField(
        default=list,
        db_default=[],
        blank=True,
        help_text="Orders in the book that may be this one, while its outcome is unknown.",
    )
    order_status = models.CharField(
        "order",
        max_length=40,
        blank=True,
        default="",
        db_default="",
        help_text=(
            "The state of the order when this site last read it: pending, open, trigger_pending, partially_filled, "
            "complete, cancelled, rejected or expired; or the broker's own word for a state that is not known."
        ),
    )

    class Meta:
        default_permissions = ("view",)
        ordering = ("-pk",)
        constraints = (
            models.UniqueConstraint(fields=("client_id", "user", "key"), name="broker_order_request_once_a_key"),
        )
        indexes = (models.Index(fields=("client_id", "state", "sent_at"), name="broker_order_request_open"),)

    def __str__(self) -> str:
        return f"{self.action} {self.symbol} ({self.state})"
