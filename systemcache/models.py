"""The cache's tables: pending invalidations, the record of clears, API tokens."""

import hashlib
import secrets
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.db import models
from django.utils import timezone


class PendingInvalidation(models.Model):
    """The tags that a write invalidates. Commits with the write, and is deleted once Redis has invalidated them.

    On PostgreSQL `transaction_id` is the write's, so that it leaves one record for the same tags; on SQLite there is
    one record for the same tags at all (invalidation/triggers.py).
    """

    tags = models.JSONField()
    created_at = models.DateTimeField(auto_now_add=True)
    transaction_id = models.BigIntegerField(null=True, editable=False)

    class Meta:
        default_permissions = ()
        constraints = (models.UniqueConstraint(fields=("tags", "transaction_id"), name="pendinginvalidation_once"),)

    def __str__(self) -> str:
        return ", ".join(self.tags)


class RedisInUse(models.Model):
    """Which Redis all processes use: the fence against a primary that was left behind (invalidation/fencing.py)."""

    prefix = models.CharField(max_length=80, unique=True)
    run_id = models.CharField(max_length=64)
    challenge = models.CharField(max_length=128, blank=True)
    since = models.DateTimeField(auto_now_add=True)

    class Meta:
        default_permissions = ()

    def __str__(self) -> str:
        return self.run_id


class ProcessReport(models.Model):
    """The last report of a process of the site (operations/processes.py)."""

    name = models.CharField(max_length=160, unique=True)
    host = models.CharField(max_length=100)
    pid = models.PositiveIntegerField()
    kind = models.CharField(max_length=40)
    version = models.CharField(max_length=40)
    started_at = models.DateTimeField()
    reported_at = models.DateTimeField(db_index=True)
    facts = models.JSONField(default=dict)

    class Meta:
        default_permissions = ()

    def __str__(self) -> str:
        return self.name


class ClearRecord(models.Model):
    """A record of a clear by hand: the user, the target and the number of values."""

    at = models.DateTimeField("when", auto_now_add=True)
    by = models.CharField("who", max_length=160)
    what = models.CharField(max_length=240, help_text="The pattern, family or tag.")
    keys = models.PositiveIntegerField(help_text="How many values were dropped.")
    seconds = models.FloatField(help_text="How long it took.")

    class Meta:
        ordering = ("-at", "-pk")
        default_permissions = ("view",)
        verbose_name = "clear"

    def __str__(self) -> str:
        return f"{self.what} by {self.by}"


class Cache(models.Model):
    """A model without a table, which carries the permissions on the cache, by its admin pages and by the API."""

    VIEW, CLEAR = "systemcache.view_cache", "systemcache.clear_cache"

    class Meta:
        managed = False
        default_permissions = ("view",)
        permissions = (("clear_cache", "Can clear the cache"),)
        verbose_name = verbose_name_plural = "cache"


class ApiTokenQuerySet(models.QuerySet["ApiToken"]):
    def update(self, **values: Any) -> int:
        """A token that is handed to another user depends on that user's password from then on."""
        if owner := values.get("user"):
            values.setdefault("password_mark", ApiToken.mark_of(owner))
        return super().update(**values)


class ApiToken(models.Model):
    """A token with which a program authenticates at the API. Only its SHA-256 is stored.

    The model belongs to this app because tokens are looked up through the cache on every request.
    """

    class Scope(models.TextChoices):
        """What a token allows, within what its user may do."""

        READ = "read", "read: GET alone, and nothing for staff"
        TRADE = "trade", "trade: all that its user may do, orders too"
        METRICS = "metrics", "metrics: /metrics alone"

    MAX_NAME = 80
    MAX_DAYS = 3_650

    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="api_tokens")
    name = models.CharField(max_length=MAX_NAME, help_text="What uses this token, for example “notebook”.")
    digest = models.CharField(max_length=64, unique=True, editable=False)
    scope = models.CharField(max_length=8, choices=Scope, default=Scope.TRADE, db_default=Scope.TRADE)
    created_at = models.DateTimeField(auto_now_add=True)
    expires_at = models.DateTimeField("expires", null=True, blank=True, help_text="Empty: it does not expire.")
    last_used_at = models.DateTimeField("last used", null=True, blank=True, editable=False, help_text="To the hour.")
    password_mark = models.CharField(
        max_length=64, default="", db_default="", editable=False, help_text="Changes with the user's password."
    )

    objects = ApiTokenQuerySet.as_manager()

    key = ""  # the token itself, in the process that has made it

    class Meta:
        verbose_name = "API token"
        ordering = ("-created_at",)

    def __str__(self) -> str:
        return f"{self.name} ({self.user})"

    def save(self, *args: Any, **kwargs: Any) -> None:
        if not self.password_mark:
            self.password_mark = self.mark_of(self.user)
        super().save(*args, **kwargs)

    @property
    def ended(self) -> str:
        """Why the token is refused whatever its user may do; empty while it is not."""
        if self.expires_at and self.expires_at <= timezone.now():
            return "expired"
        if self.password_mark != self.mark_of(self.user):
            return "ended by a change of password"
        return ""

    @classmethod
    def issue(cls, user: Any, name: str, scope: str = Scope.TRADE, days: int | None = None) -> str:
        """Create a token and return it; it cannot be recovered later. It ends after `days`; None: it does not."""
        token = cls(user=user, name=name, scope=scope)
        token.make_key(days)
        token.save()
        return token.key

    def make_key(self, days: int | None) -> None:
        self.key = secrets.token_urlsafe(32)
        self.digest = self.digest_of(self.key)
        self.expires_at = timezone.now() + timedelta(days=days) if days else None

    @staticmethod
    def digest_of(token: str) -> str:
        # 256 random bits cannot be guessed, so a slow password hash is unnecessary.
        return hashlib.sha256(token.encode()).hexdigest()

    @staticmethod
    def mark_of(user: Any) -> str:
        """A digest of the password's hash, to detect that the password has changed since the token was created."""
        return hashlib.sha256(user.password.encode()).hexdigest()
