"""Attempts to log in."""

from django.conf import settings
from django.db import models


class LoginAttempt(models.Model):
    """A password that was tried. Attempts that were refused before that leave no row.

    The name is kept as a digest: people type passwords into the wrong field.
    """

    name_digest = models.CharField(max_length=64, editable=False)
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, null=True, related_name="+")
    network = models.CharField("from", max_length=45, help_text="An address; of IPv6 its /64.")
    succeeded = models.BooleanField(default=False)
    at = models.DateTimeField("when")

    class Meta:
        ordering = ("-at",)
        default_permissions = ("view", "delete")
        indexes = (models.Index(fields=["network", "at"]), models.Index(fields=["name_digest", "at"]))

    def __str__(self) -> str:
        return f"{self.user or 'an unknown name'} from {self.network}"
