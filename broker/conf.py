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


def calls_per_second(family: str) -> int:
    """How often the broker lets us call the routes of a family."""
    return int(settings.IIFL_LIMITS[family])


def limit_names() -> tuple[str, ...]:
    return tuple(settings.IIFL_LIMITS)


def limit_wait() -> float:
    """Seconds for which a request waits for its turn to call the broker."""
    return float(settings.IIFL_LIMIT_WAIT)


def processes() -> int:
    """How many processes share the limits when Redis cannot tell them of each other."""
    return int(settings.IIFL_PROCESSES)


def force_ipv4() -> bool:
    """Whether calls leave over IPv4 alone: the broker's list of allowed addresses mostly holds those."""
    return bool(settings.IIFL_FORCE_IPV4)


def redirect_url() -> str:
    """Where the broker's login page sends the browser; "": to the address registered for the app."""
    return str(settings.IIFL_REDIRECT_URL)


def trading_enabled() -> bool:
    """Whether orders may be placed, changed and cancelled from here."""
    return bool(settings.TRADING_ENABLED)
