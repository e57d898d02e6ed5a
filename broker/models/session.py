"""The broker's session of the day."""

from django.db import models


class BrokerSession(models.Model):
    """One account's session token, encrypted; all processes share it. It dies at midnight IST."""

    client_id = models.CharField(max_length=40, unique=True)
    ciphertext = models.BinaryField()
    expires_at = models.DateTimeField()

    class Meta:
        default_permissions = ()

    def __str__(self) -> str:
        return f"{self.client_id} until {self.expires_at:%Y-%m-%d %H:%M}"
