"""API tokens of programs. They live on this floor because every request of a program is answered through the cache."""

import hashlib
import secrets

from django.conf import settings
from django.db import models


class ApiToken(models.Model):
    """A program's key to the API. Only its SHA-256 is kept: the token itself is shown once, when it is made."""

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
