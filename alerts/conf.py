"""This app's settings, read on each use so that overrides in tests and shells take effect."""

from django.conf import settings

NO_MAIL = "django.core.mail.backends.dummy.EmailBackend"


def sends_mail() -> bool:
    """Whether the site has a mail server (EMAIL_URL)."""
    return bool(settings.EMAIL_BACKEND != NO_MAIL)


def interval() -> float:
    """Seconds after which the watcher looks for new alerts and due messages; 0 starts no thread."""
    return float(settings.ALERT_INTERVAL)


def webhook_secret() -> str:
    """What signs webhooks, as `whsec_` and base64; empty if the site calls none."""
    return str(settings.ALERT_WEBHOOK_SECRET)


def webhook_networks() -> list[str]:
    """Networks that are not public, and that webhooks may go to all the same."""
    return list(settings.ALERT_WEBHOOK_NETWORKS)
