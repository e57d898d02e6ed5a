"""This app's settings, read late so that an override in a test or a shell takes effect."""

from django.conf import settings


def base_url() -> str:
    return str(settings.IIFL_BASE_URL)


def client_id() -> str:
    return str(settings.IIFL_CLIENT_ID)


def app_key() -> str:
    return str(settings.IIFL_APP_KEY)


def app_secret() -> str:
    return str(settings.IIFL_APP_SECRET)


def simulated() -> bool:
    """Whether the account is the simulator's: then the site logs in by itself."""
    return bool(settings.IIFL_SIMULATED)


def secret_key() -> str:
    return str(settings.SECRET_KEY)
