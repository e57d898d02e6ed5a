"""What the cache keeps in the database: invalidations not yet carried out, the record of clears, API tokens."""

import hashlib
import secrets

from django.conf import settings
from django.db import models, router, transaction


class PendingInvalidation(models.Model):
    """What a write has to drop from Redis. Commits with the write; deleted when Redis has been told."""

    tags = models.JSONField()
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        default_permissions = ()

    def __str__(self) -> str:
        return ", ".join(self.tags)


class ClearRecord(models.Model):
    """A clear by hand: who dropped what, and how many values that were."""

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
    """No table: what the cache's pages in the admin stand under, and the permissions that they ask for."""

    class Meta:
        managed = False
        default_permissions = ("view",)
        permissions = (("clear_cache", "Can clear the cache"),)
        verbose_name = verbose_name_plural = "cache"


class WatchedModel(models.Model):
    """A model whose rows the cache shows: each write and the record of what it drops commit together or not at all."""

    class Meta:
        abstract = True

    def save(self, *args: object, **kwargs: object) -> None:
        with transaction.atomic(using=str(kwargs.get("using") or self._write_alias())):
            super().save(*args, **kwargs)  # type: ignore[arg-type]  # passed on as they come

    def delete(self, *args: object, **kwargs: object) -> tuple[int, dict[str, int]]:
        with transaction.atomic(using=str(kwargs.get("using") or self._write_alias())):
            return super().delete(*args, **kwargs)  # type: ignore[arg-type]  # likewise

    def _write_alias(self) -> str:
        return router.db_for_write(type(self), instance=self)


class ApiToken(WatchedModel):
    """A program's key to the API. Only its SHA-256 is kept: the token itself is shown once, when it is made.

    Tokens live on this floor because every request of a program is answered through the cache.
    """

    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="api_tokens")
    name = models.CharField(max_length=80, help_text="What uses this token, for example “notebook”.")
    digest = models.CharField(max_length=64, unique=True, editable=False)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        verbose_name = "API token"
        ordering = ("-created_at",)

    def __str__(self) -> str:
        return f"{self.name} ({self.user})"

    @classmethod
    def issue(cls, user: models.Model, name: str) -> str:
        """Makes a token and returns it; it cannot be read again later."""
        token = secrets.token_urlsafe(32)
        cls.objects.create(user=user, name=name, digest=cls.digest_of(token))
        return token

    @staticmethod
    def digest_of(token: str) -> str:
        # A token of 256 random bits needs no slow hash.
        return hashlib.sha256(token.encode()).hexdigest()
