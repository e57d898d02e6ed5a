"""This app's settings, read on each use so that overrides in tests and shells take effect."""

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
    """Whether the broker is the simulator, to which the site logs in by itself."""
    return bool(settings.IIFL_SIMULATED)


def simulator_replays() -> bool:
    """Whether the simulator repeats its last session while the market is closed."""
    return simulated() and settings.SIMULATOR_CLOCK == "replay"


def secret_keys() -> list[str]:
    """The one that encrypts, and those that may have encrypted what is still there."""
    return [settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS]


def calls_per_second(family: str) -> int:
    """The broker's rate limit for a family of routes."""
    return int(settings.IIFL_LIMITS[family])


def limit_names() -> tuple[str, ...]:
    return tuple(settings.IIFL_LIMITS)


def limit_wait() -> float:
    """The longest wait for the broker's rate limit, in seconds."""
    return float(settings.IIFL_LIMIT_WAIT)


def processes() -> int:
    """How many processes share the rate limits while Redis is down."""
    return int(settings.IIFL_PROCESSES)


def force_ipv4() -> bool:
    """Whether to call the broker over IPv4 only: its list of allowed addresses usually holds IPv4 addresses."""
    return bool(settings.IIFL_FORCE_IPV4)


def redirect_url() -> str:
    """Where the broker's login page sends the browser; empty means the address registered for the app."""
    return str(settings.IIFL_REDIRECT_URL)


def stream_url() -> str:
    """The address of the broker's stream; empty for none."""
    return str(settings.IIFL_STREAM_URL)


def stream_ca() -> str:
    """The file of the certificate authority that signs the stream's certificate; empty for the system's."""
    return str(settings.IIFL_STREAM_CA)


def stream_symbols() -> int:
    """How many instruments the feed may subscribe."""
    return int(settings.IIFL_STREAM_SYMBOLS)


def trading_enabled() -> bool:
    """Whether this site may place and change orders; it may always cancel them."""
    return bool(settings.TRADING_ENABLED)


def order_max_value() -> int:
    """The most that an order may be worth, in rupees."""
    return int(settings.ORDER_MAX_VALUE)


def order_price_band() -> int:
    """How far an order's prices may be off the last price, in per cent of it."""
    return int(settings.ORDER_PRICE_BAND)


def order_max_per_day() -> int:
    """How many orders and changes a user may make in a day."""
    return int(settings.ORDER_MAX_PER_DAY)
