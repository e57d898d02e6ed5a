"""What was asked of the broker about orders, by whom, and what became of it."""

from django.conf import settings
from django.db import models
from django.db.models.functions import Now


class OrderRequest(models.Model):
    """A wish to place, change or cancel an order: committed before the broker is called, completed after it.

    Whatever happens in between, each order that this site has sent is found here, by the tag that it carries.
    """

    class Action(models.TextChoices):
        PLACE = "place"
        CHANGE = "change"
        CANCEL = "cancel"

    class State(models.TextChoices):
        WAITING = "waiting", "waiting for its turn"
        SENT = "sent", "sent, no answer yet"
        ACCEPTED = "accepted"
        REFUSED = "refused"
        NOT_SENT = "not_sent", "not sent"
        UNKNOWN = "unknown"
        NOT_IN_BOOK = "not_in_book", "not in the book"

    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="order_requests")
    client_id = models.CharField("account", max_length=40)
    action = models.CharField(max_length=8, choices=Action)
    key = models.CharField("idempotency key", max_length=64, null=True, blank=True)
    fingerprint = models.CharField(max_length=64, editable=False)
    exchange = models.CharField(max_length=12)
    symbol = models.CharField(max_length=64)
    asked = models.JSONField(help_text="As it was asked for; quantities in units, prices in rupees.")
    tag = models.CharField(max_length=50, blank=True, help_text="By which the broker's book shows the order as ours.")
    order_id = models.CharField(max_length=40, blank=True)
    state = models.CharField(
        max_length=12,
        choices=State,
        default=State.WAITING,
        help_text=(
            "Accepted: the broker has taken it; what became of it is in the book. Not sent: the same request can "
            "be tried again. Unknown: it was sent and no answer came. Not in the book: the same a minute later, so it "
            "had no effect."
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
    message = models.TextField(blank=True)

    class Meta:
        default_permissions = ("view",)
        ordering = ("-pk",)
        constraints = (
            models.UniqueConstraint(fields=("client_id", "user", "key"), name="broker_order_request_once_a_key"),
        )
        indexes = (models.Index(fields=("client_id", "state", "sent_at"), name="broker_order_request_open"),)

    def __str__(self) -> str:
        return f"{self.action} {self.symbol} ({self.state})"
