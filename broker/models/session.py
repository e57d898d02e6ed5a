"""The broker session of the day."""

from django.db import models


class BrokerSession(models.Model):
    """An account's session token, encrypted and shared by all processes. It expires at midnight IST."""

    client_id = models.CharField(max_length=40, unique=True)
    ciphertext = models.BinaryField()
    expires_at = models.DateTimeField()

    class Meta:
        default_permissions = ()

    def __str__(self) -> str:
        return f"{self.client_id} until {self.expires_at:%Y-%m-%d %H:%M}"
