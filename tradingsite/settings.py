"""Django's settings. Every value that may differ between machines comes from the environment; .env.example lists them
all."""

import os
import re
import secrets
from contextlib import suppress
from pathlib import Path
from urllib.parse import quote, urlsplit

import django_stubs_ext
import environ
from django.core.exceptions import ImproperlyConfigured

from tradingsite.env import Environment, is_loopback
from tradingsite.packages import is_installed, package_folder
from tradingsite.private_files import FILE, private_folder

django_stubs_ext.monkeypatch()  # makes ModelAdmin[Model] and the like subscriptable at run time

BASE_DIR = Path(__file__).resolve().parent.parent
VAR_DIR = BASE_DIR / "var"
SIMULATOR_ADDRESS = VAR_DIR / "simulator"
SIMULATOR_STREAM_ADDRESS = VAR_DIR / "simulator_stream"

environ.Env.read_env(str(BASE_DIR / ".env"))  # the process's own environment wins over the file
env = Environment(os.environ)


def _version() -> str:
    """The newest version in CHANGELOG.md, the one place for the number."""
    found = re.search(r"^## (\d+\.\d+\.\d+)", (BASE_DIR / "CHANGELOG.md").read_text(), re.MULTILINE)
    return found.group(1) if found else "0.0.0"


def _secret_key() -> str:
    """DJANGO_SECRET_KEY, or a key that is generated once and stored in var/."""
    if key := env.text("DJANGO_SECRET_KEY"):
        return key
    path = private_folder(VAR_DIR) / "secret_key"
    if not path.exists():
        # Written to a draft and linked into place, so that two first starts at once agree on one complete key.
        draft = path.with_name(f"secret_key.{os.getpid()}")
        with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, FILE), "w") as file:
            file.write(secrets.token_urlsafe(50))
        with suppress(FileExistsError):
            path.hardlink_to(draft)
        draft.unlink()
    return path.read_text()


def _simulator() -> str:
    """The address of the simulator that a running `make run` started, else the default of `runsimulator`."""
    try:
        return SIMULATOR_ADDRESS.read_text()
    except FileNotFoundError:
        return "http://127.0.0.1:9780/v1"


def _simulator_stream() -> str:
    """The address of the stream of a simulator that a running `make run` started, else none."""
    try:
        return SIMULATOR_STREAM_ADDRESS.read_text()
    except FileNotFoundError:
        return env.OFF


VERSION = _version()
SECRET_KEY = _secret_key()
SECRET_KEY_FALLBACKS = env.names("DJANGO_FORMER_SECRET_KEYS")
DEBUG = env.flag("DJANGO_DEBUG")
LOOPBACK_HOSTS = ("127.0.0.1", "localhost", "[::1]")
# Always include loopback addresses: health checks and Prometheus use them, and no other machine has these names.
ALLOWED_HOSTS = list(dict.fromkeys([*env.names("DJANGO_ALLOWED_HOSTS"), *LOOPBACK_HOSTS]))
HTTPS = env.flag("DJANGO_HTTPS")
# Proxies whose X-Forwarded-… headers are trusted. With HTTPS there is a proxy, by default on this machine.
TRUSTED_PROXIES = env.networks("TRUSTED_PROXIES", "127.0.0.1,::1" if HTTPS else "")
CSRF_TRUSTED_ORIGINS = env.origins("DJANGO_TRUSTED_ORIGINS")

# --- serving: used by `manage.py runsite` ------------------------------------------------------------------
HOST = env.text("HOST", "127.0.0.1")
ON_LOOPBACK = is_loopback(HOST)
PORT = env.integer("PORT", 8000, minimum=1, maximum=65535)
# Events have a server of their own (`/stream`): its port, and its address as browsers see it.
STREAM_PORT = env.integer("STREAM_PORT", PORT + 1 if PORT < 65535 else PORT - 1, minimum=1, maximum=65535)
if STREAM_PORT == PORT:
    raise ImproperlyConfigured(f"STREAM_PORT must be another port than PORT, which is {PORT}.")
STREAM_URL = env.url("STREAM_URL", "", schemes=("http", "https")) if env.text("STREAM_URL") else ""
if STREAM_URL and not STREAM_URL.endswith("/stream"):
    raise ImproperlyConfigured(f"STREAM_URL must end in /stream; it is {STREAM_URL!r}.")
WEB_WORKERS = env.integer("WEB_WORKERS", 1, minimum=1, maximum=256)
WEB_THREADS = env.integer("WEB_THREADS", 128, minimum=2, maximum=1024)
# Limits of a connection before its request has arrived; against slow bodies and idle connections deploy/ has a proxy.
GRANIAN_LIMITS = ("--http1-buffer-size", "16384", "--http1-header-read-timeout", "10000")  # bytes, milliseconds
WARM_CACHE = env.flag("WARM_CACHE", default=True)
SIMULATOR_DATA = env.text("SIMULATOR_DATA")
SIMULATOR_CONTRACTS = env.text("SIMULATOR_CONTRACTS")
SIMULATOR_LATENCY = env.integer("SIMULATOR_LATENCY", 0, maximum=60_000)
# With "replay" the simulator's last session is repeated while the market is closed, so that prices move at any hour.
SIMULATOR_CLOCK = env.matching("SIMULATOR_CLOCK", "replay", "live|replay", "live or replay")

INSTALLED_APPS = [
    "tradingsite",  # first, so that its templates override the others'
    "django.contrib.admin.apps.SimpleAdminConfig",  # urls.py registers the pages: commands do not need them
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "whitenoise.runserver_nostatic",
    "django.contrib.staticfiles",
    "rest_framework",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "django_htmx",
    "django_otp",
    "django_otp.plugins.otp_totp",
    "systemcache",
    "broker",
    "watchlist",
    "alerts",
    "dashboard",
]

MIDDLEWARE = [
    "tradingsite.probes.probes",  # before anything that may refuse a request
    "tradingsite.logins.addresses.forwarded_headers",  # first: scheme and address of a request follow from it
    "tradingsite.middleware.request_ids",
    "tradingsite.middleware.server_timing",
    "tradingsite.middleware.record_traces",  # only with OTEL_EXPORTER_OTLP_ENDPOINT
    "tradingsite.middleware.limit_body_size",  # before anything that reads a body, as the CSRF check does
    "systemcache.per_view.middleware.middleware",  # answers hits; the middleware below it does not run then
    "tradingsite.content_policy.content_security_policy",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "tradingsite.middleware.optional_trailing_slash",
    "django.middleware.http.ConditionalGetMiddleware",
    "systemcache.auth.authority.middleware",  # before whatever asks who somebody is
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "tradingsite.logins.second_factor.middleware",
    "tradingsite.middleware.share_limits_by_user",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "tradingsite.logins.backend.refused_logins",
]

ROOT_URLCONF = "tradingsite.urls"
WSGI_APPLICATION = "tradingsite.wsgi.application"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "dashboard.context.base",
                "tradingsite.stream.address.context",
            ],
        },
    },
]

# --- database ----------------------------------------------------------------------------------------------
DATABASE_POOL = env.integer("DATABASE_POOL", 20, minimum=2, maximum=500)
DATABASES = {"default": env.database("DATABASE_URL", f"sqlite:///{quote(str(VAR_DIR))}/site.sqlite3")}
if DATABASES["default"]["ENGINE"].endswith("sqlite3"):
    if Path(DATABASES["default"]["NAME"]).absolute().is_relative_to(VAR_DIR):
        private_folder(VAR_DIR)
    DATABASES["default"]["CONN_MAX_AGE"] = None  # reopening it costs more than most requests
    DATABASES["default"]["OPTIONS"] = {
        # Writers queue instead of failing, and readers never wait for writers.
        "transaction_mode": "IMMEDIATE",
        "timeout": 10,
        "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL;",
    }
else:
    DATABASES["default"].setdefault("OPTIONS", {})["pool"] = {
        "min_size": 1,
        "max_size": min(WEB_THREADS + 2, DATABASE_POOL),  # of each process; hits need none
        "timeout": 10,
    }
    # A pooler such as pgbouncer may give each transaction another connection, where nothing may outlive a transaction.
    # (Django prepares no statements by itself.)
    DATABASES["default"]["DISABLE_SERVER_SIDE_CURSORS"] = True
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

# --- the broker's account ----------------------------------------------------------------------------------
_CREDENTIALS = ("IIFL_CLIENT_ID", "IIFL_APP_KEY", "IIFL_APP_SECRET")
IIFL_SIMULATED = not (env.text("IIFL_APP_KEY") or env.text("IIFL_APP_SECRET"))
if not IIFL_SIMULATED and (missing := [name for name in _CREDENTIALS if not env.text(name)]):
    raise ImproperlyConfigured(f"{', '.join(missing)} must be set too when a real IIFL account is used.")
IIFL_CLIENT_ID = env.matching(
    "IIFL_CLIENT_ID", "SIM0001", r"[A-Za-z0-9_-]{1,40}", "letters, digits, - and _ (40 at most)"
)
IIFL_APP_KEY = env.text("IIFL_APP_KEY", "simulator")
IIFL_APP_SECRET = env.text("IIFL_APP_SECRET", "simulator-secret")
IIFL_BASE_URL = env.url(
    "IIFL_BASE_URL",
    _simulator() if IIFL_SIMULATED else "https://api.iiflcapital.com/v1",
    schemes=("http", "https"),
)

if not IIFL_SIMULATED and not (ON_LOOPBACK or HTTPS):
    raise ImproperlyConfigured(
        f"HOST is {HOST}, where passwords and tokens of a real account would cross the network in plain text: leave it "
        "at 127.0.0.1, or set DJANGO_HTTPS=true behind a proxy with TLS (deploy/ has two)."
    )
if not IIFL_SIMULATED and IIFL_BASE_URL.startswith("http:") and not is_loopback(urlsplit(IIFL_BASE_URL).hostname):
    raise ImproperlyConfigured(
        "IIFL_BASE_URL must begin with https:// for a real account; the session's token travels there."
    )

# The broker's stream; "" is none. Without TLS its password, the session's token, would cross the network in plain text.
IIFL_STREAM_URL = env.url_or_off(
    "IIFL_STREAM_URL",
    _simulator_stream() if IIFL_SIMULATED else "mqtts://bridge.iiflcapital.com:8883",
    schemes=("mqtts", "mqtt"),
)
if IIFL_STREAM_URL.startswith("mqtt:") and not is_loopback(urlsplit(IIFL_STREAM_URL).hostname):
    raise ImproperlyConfigured(
        "IIFL_STREAM_URL must begin with mqtts:// beyond loopback; the session's token travels there."
    )
IIFL_STREAM_CA = env.certificates("IIFL_STREAM_CA")  # of a private certificate authority
IIFL_STREAM_SYMBOLS = env.integer("IIFL_STREAM_SYMBOLS", 1_000, minimum=1, maximum=2_500)

IIFL_REDIRECT_URL = env.url("IIFL_REDIRECT_URL", "", schemes=("http", "https")) if env.text("IIFL_REDIRECT_URL") else ""
IIFL_FORCE_IPV4 = env.flag("IIFL_FORCE_IPV4", default=True)
TRADING_ENABLED = env.flag("TRADING_ENABLED")
ORDER_MAX_VALUE = env.integer("ORDER_MAX_VALUE", 500_000, minimum=1, maximum=10**12)  # rupees
ORDER_PRICE_BAND = env.integer("ORDER_PRICE_BAND", 20, minimum=1, maximum=10_000)  # per cent
ORDER_MAX_PER_DAY = env.integer("ORDER_MAX_PER_DAY", 200, minimum=1)
# Calls a second that the broker allows an application not registered as an algorithm; IIFL_LIMIT_ORDERS=20 changes one.
# For historicaldata the broker's documents name both 3 and 10; 3 is safe.
IIFL_LIMITS = {
    name: env.integer(f"IIFL_LIMIT_{name.upper()}", calls, minimum=1, maximum=1000)
    for name, calls in {
        "login": 3,
        "logout": 2,
        "profile": 3,
        "limits": 10,
        "margin": 10,
        "holdings": 3,
        "positions": 3,
        "orders": 3,
        "order_history": 10,
        "order_changes": 10,
        "trades": 3,
        "candles": 3,
        "quotes": 10,
        "depth": 10,
        "open_interest": 10,
        "contract_files": 2,
    }.items()
}
IIFL_LIMIT_WAIT = env.integer("IIFL_LIMIT_WAIT", 10, maximum=60)
IIFL_PROCESSES = env.integer("IIFL_PROCESSES", WEB_WORKERS, minimum=1, maximum=1000)

# --- the cache ---------------------------------------------------------------------------------------------
REDIS_URL = env.redis("REDIS_URL", f"unix://{quote(str(VAR_DIR))}/redis/redis.sock")
REDIS_TIMEOUT = env.seconds("REDIS_TIMEOUT", 0.4, minimum=0.05, maximum=10)  # for a connection, and for a reply
REDIS_SENTINEL_USERNAME = env.text("REDIS_SENTINEL_USERNAME")
REDIS_SENTINEL_PASSWORD = env.text("REDIS_SENTINEL_PASSWORD")
_REDIS_TLS = {
    "ssl_ca_certs": env.file("REDIS_CA"),
    "ssl_certfile": env.file("REDIS_CERT"),
    "ssl_keyfile": env.file("REDIS_KEY"),
}
if bool(_REDIS_TLS["ssl_certfile"]) != bool(_REDIS_TLS["ssl_keyfile"]):
    raise ImproperlyConfigured("REDIS_CERT and REDIS_KEY must be set together.")
if any(_REDIS_TLS.values()) and not REDIS_URL.startswith(("rediss:", "redis+sentinel:")):
    raise ImproperlyConfigured(
        "REDIS_CA, REDIS_CERT and REDIS_KEY must go with a REDIS_URL that begins with rediss:// or redis+sentinel://."
    )
if (REDIS_SENTINEL_USERNAME or REDIS_SENTINEL_PASSWORD) and not REDIS_URL.startswith("redis+sentinel:"):
    raise ImproperlyConfigured(
        "REDIS_SENTINEL_USERNAME and REDIS_SENTINEL_PASSWORD must go with a REDIS_URL that begins with "
        "redis+sentinel://."
    )
if REDIS_SENTINEL_USERNAME and not REDIS_SENTINEL_PASSWORD:
    raise ImproperlyConfigured("REDIS_SENTINEL_PASSWORD must be set too when REDIS_SENTINEL_USERNAME is.")
# The client id is part of every key, so that another account never sees this one's data.
CACHE_PREFIX = f"iifl:{IIFL_CLIENT_ID}"
CACHES = {
    "default": {
        "BACKEND": "django_redis.cache.RedisCache",
        "LOCATION": [REDIS_URL],  # django-redis would take a text apart at its commas, and Sentinel's address has some
        "KEY_PREFIX": CACHE_PREFIX,
        "OPTIONS": {
            "SERIALIZER": "django_redis.serializers.json.JSONSerializer",  # never pickle
            "SOCKET_CONNECT_TIMEOUT": REDIS_TIMEOUT,
            "SOCKET_TIMEOUT": REDIS_TIMEOUT,
            "CONNECTION_POOL_CLASS": "systemcache.storage.connection.Pool",
            "CONNECTION_POOL_KWARGS": {
                "max_connections": max(50, WEB_THREADS + 10),
                "timeout": 0.25,  # how long a thread waits for a free connection
                "health_check_interval": 30,
                **({} if REDIS_URL.startswith("unix") else {"socket_keepalive": True}),
                **{name: file for name, file in _REDIS_TLS.items() if file},
                **({"ssl_check_hostname": True} if REDIS_URL.startswith("rediss:") else {}),
                "sentinel_username": REDIS_SENTINEL_USERNAME,
                "sentinel_password": REDIS_SENTINEL_PASSWORD,
            },
        },
    },
}
# How long each family's values are fresh, in seconds; CACHE_TTL_HOLDINGS=5 changes one.
CACHE_TTLS = {
    name: env.integer(f"CACHE_TTL_{name.upper()}", seconds, minimum=1)
    for name, seconds in {
        "holdings": 30,
        "positions": 30,
        "margins": 300,
        "orders": 300,
        "open_orders": 3,  # orders, trades, positions and margins while an order may be filled
        "order_history": 5,
        "trades": 300,
        "profile": 300,
        "quotes": 2,
        "depth": 2,
        "open_interest": 10,
        "candles": 86_400,
        "candles_today": 60,
        "contracts": 3_600,
        "broker_status": 1,  # asked for while somebody looks at a page, which says within 3 s that the broker is away
        "calendar": 86_400,
        "account_state": 300,
        "watchlist": 300,
        "signals": 300,
        "settings": 600,
        "portfolio_summary": 60,
        "risk": 30,
        "signal_generation": 300,
        "alerts": 300,
        "recent_alerts": 300,
        "watched_alerts": 300,
        "token": 300,
        "user": 300,
        "session": 300,
    }.items()
}

# How long past its TTL a value may be served, marked stale, when the source fails; CACHE_STALE_HOLDINGS=0 changes one.
CACHE_STALE = {
    name: env.integer(f"CACHE_STALE_{name.upper()}", seconds)
    for name, seconds in {
        "holdings": 900,
        "positions": 0,
        "margins": 0,
        "orders": 0,
        "order_history": 0,
        "trades": 0,
        "profile": 86_400,
        "quotes": 0,
        "depth": 0,
        "open_interest": 0,
        "candles": 7 * 86_400,
        "contracts": 7 * 86_400,
        "portfolio_summary": 0,
        "risk": 0,
        "signal_generation": 0,
    }.items()
}
CACHE_NEAR = env.flag("CACHE_NEAR", default=True)
CACHE_AUDIT_EVERY = env.integer("CACHE_AUDIT_EVERY", 1_000)
# Milliseconds for which near copies are used after Redis was last heard from: how long a change may go unnoticed.
CACHE_NEAR_TRUST = env.integer("CACHE_NEAR_TRUST", 80, minimum=20, maximum=5_000)
CACHE_MAX_LOADS = max(1, WEB_THREADS // 2)
CACHE_BREAKER_PAUSE = 0.5
CACHE_RECOVERY_INTERVAL = 0.5
CACHE_WAIT_SLICE = min(0.2, REDIS_TIMEOUT / 2)  # seconds; a blocking wait ends before the connection's own timeout
CACHE_STATS_INTERVAL = 0.5
CACHE_DEGRADED_HOLD = 2.0
CACHE_COOL_DOWN = 3.0

# --- people and programs -----------------------------------------------------------------------------------
# Sessions are stored in the database, so that logins survive a loss of Redis, and are read through the cache.
SESSION_ENGINE = "systemcache.auth.sessions"
# From the login on, used or not: an idle limit would cost each read a write.
SESSION_COOKIE_AGE = env.integer("SESSION_HOURS", 12, minimum=1, maximum=14 * 24) * 3_600
AUTHENTICATION_BACKENDS = ["tradingsite.logins.backend.ThrottledBackend"]
# Permissions that people hold only in a session that has shown a code of their authenticator.
REQUIRE_TOTP_FOR = env.choices("REQUIRE_TOTP_FOR", ("broker.trade", "broker.log_in"))
OTP_TOTP_ISSUER = "Trading site"
OTP_ADMIN_HIDE_SENSITIVE_DATA = True  # nobody needs another's key
LOGIN_URL = "dashboard:login"  # the admin has its own, for staff only
LOGIN_REDIRECT_URL = "dashboard:watchlist"
LOGOUT_REDIRECT_URL = "dashboard:login"
PASSWORD_HASHERS = ["tradingsite.logins.hashers.BackgroundPBKDF2Hasher"]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"django.contrib.auth.password_validation.{name}"}
    for name in (
        "UserAttributeSimilarityValidator",
        "MinimumLengthValidator",
        "CommonPasswordValidator",
        "NumericPasswordValidator",
    )
]
MAX_BODY = 256 * 1024  # bytes; a larger request gets 413 before anything reads it
DATA_UPLOAD_MAX_MEMORY_SIZE = MAX_BODY
FILE_UPLOAD_MAX_MEMORY_SIZE = MAX_BODY  # of ASGI's: it holds a body in memory up to here, and in a file beyond
# The site accepts no uploads: files in a form are discarded, and never written to disk.
FILE_UPLOAD_HANDLERS: list[str] = []

# Deprecated, until 0.5: lists of the site's own tables as bare arrays, as in 0.3.
API_BARE_LISTS = env.flag("API_BARE_LISTS")

REST_FRAMEWORK = {
    # The first one makes anonymous callers get 401 instead of 403.
    "DEFAULT_AUTHENTICATION_CLASSES": [
        "systemcache.auth.backends.CachedTokenAuthentication",
        "rest_framework.authentication.SessionAuthentication",
    ],
    "DEFAULT_PERMISSION_CLASSES": ["rest_framework.permissions.IsAuthenticated"],
    "DEFAULT_RENDERER_CLASSES": [
        "systemcache.per_view.renderers.StoredJSONRenderer",
        "systemcache.per_view.browsable.BrowsablePage",
    ],
    "DEFAULT_PARSER_CLASSES": ["tradingsite.parsers.StrictJSONParser"],
    "DEFAULT_SCHEMA_CLASS": "systemcache.per_view.openapi.CachedViewSchema",
    "EXCEPTION_HANDLER": "tradingsite.api_errors.handle",
    "TEST_REQUEST_DEFAULT_FORMAT": "json",
    "UNAUTHENTICATED_USER": "django.contrib.auth.models.AnonymousUser",
}
SPECTACULAR_SETTINGS = {
    "TITLE": "Trading site",
    "DESCRIPTION": "Holdings, positions, margins, orders, candles, watchlists and signals of one IIFL Capital account.",
    "VERSION": VERSION,
    "OAS_VERSION": "3.1.1",  # msgspec describes the types of cached values in current JSON Schema
    "SERVE_INCLUDE_SCHEMA": False,
    "SCHEMA_PATH_PREFIX": "/api",
    "POSTPROCESSING_HOOKS": [
        "drf_spectacular.hooks.postprocess_schema_enums",
        "tradingsite.stream.openapi.add_events",
        "systemcache.per_view.openapi.add_components",
        "systemcache.per_view.openapi.close_requests",
        "tradingsite.openapi.add_summaries",
        "tradingsite.openapi.add_errors",
        "tradingsite.openapi.add_headers",
    ],
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
    "COMPONENT_SPLIT_REQUEST": True,
}

# --- e-mail and webhooks of alerts ---------------------------------------------------------------------------
# Unset: no e-mail. The names are Django's own.
_EMAIL = env.email("EMAIL_URL")
EMAIL_BACKEND = _EMAIL.get("EMAIL_BACKEND", "django.core.mail.backends.dummy.EmailBackend")
EMAIL_HOST, EMAIL_PORT = _EMAIL.get("EMAIL_HOST") or "localhost", _EMAIL.get("EMAIL_PORT") or 25
EMAIL_HOST_USER, EMAIL_HOST_PASSWORD = _EMAIL.get("EMAIL_HOST_USER") or "", _EMAIL.get("EMAIL_HOST_PASSWORD") or ""
EMAIL_USE_TLS, EMAIL_USE_SSL = bool(_EMAIL.get("EMAIL_USE_TLS")), bool(_EMAIL.get("EMAIL_USE_SSL"))
EMAIL_FILE_PATH = _EMAIL.get("EMAIL_FILE_PATH")
EMAIL_TIMEOUT = 10  # seconds
DEFAULT_FROM_EMAIL = env.text("EMAIL_FROM", "tradingsite@localhost")
ALERT_INTERVAL = 1.0  # seconds; 0 judges and delivers nothing by itself
# Signs webhooks (alerts/delivery/webhook.py). Unset: none are called.
ALERT_WEBHOOK_SECRET = env.webhook_secret("ALERT_WEBHOOK_SECRET")
# Networks that are not public, and that webhooks may go to all the same.
ALERT_WEBHOOK_NETWORKS = env.networks("ALERT_WEBHOOK_NETWORKS")

# --- traces --------------------------------------------------------------------------------------------------
# OpenTelemetry's own names; its SDK reads the others by itself. Unset: no traces.
OTEL_EXPORTER_OTLP_ENDPOINT = (
    env.url("OTEL_EXPORTER_OTLP_ENDPOINT", "", schemes=("http", "https"))
    if env.text("OTEL_EXPORTER_OTLP_ENDPOINT")
    else ""
)
OTEL_EXPORTER_OTLP_HEADERS = env.text("OTEL_EXPORTER_OTLP_HEADERS")  # the SDK reads them too; here for the log to mask
OTEL_SERVICE_NAME = env.text("OTEL_SERVICE_NAME", "tradingsite")
if env.text("OTEL_EXPORTER_OTLP_PROTOCOL", "http/protobuf") != "http/protobuf" and OTEL_EXPORTER_OTLP_ENDPOINT:
    raise ImproperlyConfigured("OTEL_EXPORTER_OTLP_PROTOCOL must be http/protobuf, to which a collector has port 4318.")
if OTEL_EXPORTER_OTLP_ENDPOINT and not is_installed("opentelemetry.exporter.otlp.proto.http"):
    raise ImproperlyConfigured(
        "OTEL_EXPORTER_OTLP_ENDPOINT must stay unset until the packages that export traces are installed: "
        ".venv/bin/pip install --require-hashes -r requirements-otel.txt"
    )

# --- security ----------------------------------------------------------------------------------------------
SECURE_SSL_REDIRECT = HTTPS
# Prometheus and health checks call the server directly, not through the proxy.
SECURE_REDIRECT_EXEMPT = [r"^metrics/?$", r"^api/system/health/?$"]
# Browsers use only HTTPS for this long, even if the setting is undone here, so begin with a small value.
SECURE_HSTS_SECONDS = env.integer("DJANGO_HSTS_SECONDS", 3_600) * HTTPS
SECURE_HSTS_INCLUDE_SUBDOMAINS = env.flag("DJANGO_HSTS_SUBDOMAINS") and HTTPS
SECURE_HSTS_PRELOAD = env.flag("DJANGO_HSTS_PRELOAD") and HTTPS
SILENCED_SYSTEM_CHECKS = ["security.W005", "security.W021"]  # subdomains and preload are the owner's decision
SESSION_COOKIE_SECURE = HTTPS
CSRF_COOKIE_SECURE = HTTPS
if HTTPS:
    # Behind a proxy that terminates TLS; it must set this header, and strip it from callers' requests.
    SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")

CSRF_FAILURE_VIEW = "tradingsite.api_errors.csrf_failure"
DEFAULT_EXCEPTION_REPORTER_FILTER = "tradingsite.error_pages.StrictReporterFilter"

# --- the rest ----------------------------------------------------------------------------------------------
LANGUAGE_CODE = "en"
TIME_ZONE = "Asia/Kolkata"
USE_TZ = True
STATIC_URL = "static/"
# Lightweight Charts comes from the package litecharts; the repository contains no third-party scripts.
STATICFILES_DIRS = [("litecharts", package_folder("litecharts") / "js")]
WHITENOISE_USE_FINDERS = True  # served from the packages, without collectstatic
LOG_FORMAT = env.matching("LOG_FORMAT", "text", r"text|json", "text or json")
LOG_LEVEL = env.matching("LOG_LEVEL", "INFO", r"DEBUG|INFO|WARNING|ERROR", "DEBUG, INFO, WARNING or ERROR")
_OURS = ("systemcache", "broker", "watchlist", "alerts", "dashboard", "tradingsite")
_TO_CONSOLE = {"handlers": ["console"], "propagate": False}
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {
        # Both mask secrets.
        "text": {"()": "tradingsite.logs.TextFormatter"},
        "json": {"()": "tradingsite.logs.JSONFormatter"},
    },
    "filters": {
        "has_exception": {"()": "tradingsite.logs.HasException"},
        "refused_host": {"()": "tradingsite.logs.RefusedHost"},
        "export_failures": {"()": "tradingsite.logs.ExportFailures"},
    },
    "handlers": {"console": {"class": "logging.StreamHandler", "formatter": LOG_FORMAT}},
    "root": {"handlers": ["console"], "level": "WARNING"},
    "loggers": {
        **{app: {**_TO_CONSOLE, "level": LOG_LEVEL} for app in _OURS},
        # A line for each request, if a program reads the log.
        "tradingsite.access": {"level": "INFO" if LOG_FORMAT == "json" else "WARNING"},
        # Django's own configuration prints a failed request only with DEBUG.
        "django": {**_TO_CONSOLE, "level": "INFO"},
        "django.server": {**_TO_CONSOLE, "level": "INFO"},
        "django.request": {"level": "ERROR", "filters": ["has_exception"]},  # our own lines cover the rest
        "django.security.DisallowedHost": {"filters": ["refused_host"]},
        "opentelemetry.exporter.otlp.proto.http.trace_exporter": {"filters": ["export_failures"]},
        "opentelemetry.sdk._shared_internal": {"filters": ["export_failures"]},  # its queue is full
    },
}

env.refuse_unknown()  # last, because the known names are those that have been read
