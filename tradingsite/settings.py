"""Django's settings. Every value that a machine may change comes from the environment; .env.example lists them all."""

import os
import re
import secrets
from contextlib import suppress
from pathlib import Path
from urllib.parse import quote

import django_stubs_ext
import environ
from django.core.exceptions import ImproperlyConfigured

from tradingsite.env import Environment

django_stubs_ext.monkeypatch()  # makes ModelAdmin[Model] and the like mean something when they run

BASE_DIR = Path(__file__).resolve().parent.parent
VAR_DIR = BASE_DIR / "var"
SIMULATOR_ADDRESS = VAR_DIR / "simulator"

environ.Env.read_env(str(BASE_DIR / ".env"))  # the process's own environment wins over the file
env = Environment(os.environ)


def _version() -> str:
    """The newest version that CHANGELOG.md names: one home for the number."""
    found = re.search(r"^## (\d+\.\d+\.\d+)", (BASE_DIR / "CHANGELOG.md").read_text(), re.MULTILINE)
    return found.group(1) if found else "0.0.0"


def _secret_key() -> str:
    """DJANGO_SECRET_KEY, else a key made once for this machine and kept under var/."""
    if key := env.text("DJANGO_SECRET_KEY"):
        return key
    path = VAR_DIR / "secret_key"
    VAR_DIR.mkdir(exist_ok=True)
    if not path.exists():
        # Written aside and linked into place: two first starts at once agree on one whole key.
        draft = path.with_name(f"secret_key.{os.getpid()}")
        with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            file.write(secrets.token_urlsafe(50))
        with suppress(FileExistsError):
            path.hardlink_to(draft)
        draft.unlink()
    return path.read_text()


def _simulator() -> str:
    """Where the simulator of a running `make run` listens, for commands beside it; else where one would by itself."""
    try:
        return SIMULATOR_ADDRESS.read_text()
    except FileNotFoundError:
        return "http://127.0.0.1:9780/v1"


VERSION = _version()
SECRET_KEY = _secret_key()
DEBUG = env.flag("DJANGO_DEBUG")
ALLOWED_HOSTS = env.names("DJANGO_ALLOWED_HOSTS", "127.0.0.1,localhost,[::1]")
HTTPS = env.flag("DJANGO_HTTPS")

# --- serving: read by `manage.py runsite` ------------------------------------------------------------------
HOST = env.text("HOST", "127.0.0.1")
PORT = env.integer("PORT", 8000, minimum=1, maximum=65535)
WEB_WORKERS = env.integer("WEB_WORKERS", 1, minimum=1, maximum=256)
WEB_THREADS = env.integer("WEB_THREADS", 128, minimum=2, maximum=1024)
WARM_CACHE = env.flag("WARM_CACHE", default=True)
SIMULATOR_DATA = env.text("SIMULATOR_DATA")
SIMULATOR_CONTRACTS = env.text("SIMULATOR_CONTRACTS")
SIMULATOR_LATENCY = env.integer("SIMULATOR_LATENCY", 0, maximum=60_000)

INSTALLED_APPS = [
    "tradingsite",  # first: its templates take the place of the others'
    "django.contrib.admin.apps.SimpleAdminConfig",  # urls.py has its pages registered, for those who serve them
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "whitenoise.runserver_nostatic",
    "django.contrib.staticfiles",
    "rest_framework",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "systemcache",
    "broker",
    "watchlist",
]

MIDDLEWARE = [
    "tradingsite.middleware.request_ids",
    "tradingsite.middleware.server_timing",
    "systemcache.shortcut.middleware",  # a hit ends here: what stands below it is not asked
    "tradingsite.content_policy.content_security_policy",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "tradingsite.middleware.optional_trailing_slash",
    "tradingsite.middleware.bounded_body",
    "django.middleware.http.ConditionalGetMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
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
            ],
        },
    },
]

# --- database ----------------------------------------------------------------------------------------------
DATABASES = {"default": env.database("DATABASE_URL", f"sqlite:///{VAR_DIR}/site.sqlite3")}
if DATABASES["default"]["ENGINE"].endswith("sqlite3"):
    VAR_DIR.mkdir(exist_ok=True)
    DATABASES["default"]["CONN_MAX_AGE"] = None  # opening it again costs more than most requests
    DATABASES["default"]["OPTIONS"] = {
        # A writer waits for another instead of failing, and readers do not wait for writers.
        "transaction_mode": "IMMEDIATE",
        "timeout": 10,
        "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL;",
    }
else:
    DATABASES["default"].setdefault("OPTIONS", {})["pool"] = {
        "min_size": 1,
        "max_size": min(WEB_THREADS + 2, 20),  # hits need none, and a server has a hundred for all
        "timeout": 10,
    }
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

IIFL_REDIRECT_URL = env.url("IIFL_REDIRECT_URL", "", schemes=("http", "https")) if env.text("IIFL_REDIRECT_URL") else ""
IIFL_FORCE_IPV4 = env.flag("IIFL_FORCE_IPV4", default=True)
TRADING_ENABLED = env.flag("TRADING_ENABLED")
# Calls a second that the broker allows an application not registered as an algorithm; IIFL_LIMIT_ORDERS=20 changes one.
# For historicaldata its papers say 3 and 10: 3 is safe.
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
REDIS_URL = env.url("REDIS_URL", f"unix://{quote(str(VAR_DIR))}/redis/redis.sock", schemes=("redis", "rediss", "unix"))
# The account's client id is part of every key: another account never sees the former one's data.
CACHE_PREFIX = f"iifl:{IIFL_CLIENT_ID}"
CACHES = {
    "default": {
        "BACKEND": "django_redis.cache.RedisCache",
        "LOCATION": REDIS_URL,
        "KEY_PREFIX": CACHE_PREFIX,
        "OPTIONS": {
            "SERIALIZER": "django_redis.serializers.json.JSONSerializer",  # never pickle
            "SOCKET_CONNECT_TIMEOUT": 1,
            "SOCKET_TIMEOUT": 0.4,
            "CONNECTION_POOL_CLASS": "systemcache.store.Pool",
            "CONNECTION_POOL_KWARGS": {
                "max_connections": max(50, WEB_THREADS + 10),
                "timeout": 0.25,  # how long a thread waits for a free one
                "health_check_interval": 30,
                **({} if REDIS_URL.startswith("unix") else {"socket_keepalive": True}),
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
        "order_history": 5,
        "trades": 300,
        "profile": 300,
        "quotes": 2,
        "depth": 2,
        "open_interest": 10,
        "candles": 86_400,
        "candles_today": 60,
        "contracts": 3_600,
        "broker_status": 10,
        "watchlist": 300,
        "signals": 300,
        "settings": 600,
        "portfolio_summary": 60,
        "risk": 30,
        "signal_generation": 300,
        "token": 300,
        "user": 300,
        "session": 300,
    }.items()
}

# How long past that they may still be shown, marked stale, when the source fails; CACHE_STALE_HOLDINGS=0 changes one.
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
CACHE_LOADS = max(1, WEB_THREADS // 2)
CACHE_BREAKER_PAUSE = 2.0
CACHE_KEEPER_INTERVAL = 0.5
CACHE_WAIT_SLICE = 0.2
CACHE_STATS_INTERVAL = 0.5
CACHE_HOLD = 2.0
CACHE_COOL_DOWN = 3.0

# --- people and programs -----------------------------------------------------------------------------------
# Sessions live in the database: a login outlasts Redis. They are read through the cache.
SESSION_ENGINE = "systemcache.sessions"
AUTHENTICATION_BACKENDS = ["systemcache.authentication.CachedBackend"]
LOGIN_URL = "rest_framework:login"  # the admin has its own, which takes staff alone
LOGIN_REDIRECT_URL = LOGOUT_REDIRECT_URL = "home"
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"django.contrib.auth.password_validation.{name}"}
    for name in (
        "UserAttributeSimilarityValidator",
        "MinimumLengthValidator",
        "CommonPasswordValidator",
        "NumericPasswordValidator",
    )
]
API_MAX_BODY = 256 * 1024  # bytes; a larger request is answered 413 before it is read

REST_FRAMEWORK = {
    # The first one decides that an anonymous caller gets 401 and not 403.
    "DEFAULT_AUTHENTICATION_CLASSES": [
        "systemcache.authentication.CachedTokenAuthentication",
        "rest_framework.authentication.SessionAuthentication",
    ],
    "DEFAULT_PERMISSION_CLASSES": ["rest_framework.permissions.IsAuthenticated"],
    "DEFAULT_RENDERER_CLASSES": [
        "systemcache.responses.StoredJSONRenderer",
        "rest_framework.renderers.BrowsableAPIRenderer",
    ],
    "DEFAULT_PARSER_CLASSES": ["tradingsite.parsers.SoundJSONParser"],
    "DEFAULT_SCHEMA_CLASS": "drf_spectacular.openapi.AutoSchema",
    "EXCEPTION_HANDLER": "tradingsite.api_errors.handle",
    "TEST_REQUEST_DEFAULT_FORMAT": "json",
    "UNAUTHENTICATED_USER": "django.contrib.auth.models.AnonymousUser",
}
SPECTACULAR_SETTINGS = {
    "TITLE": "Trading site",
    "DESCRIPTION": "Holdings, positions, margins, orders, candles, watchlists and signals of one IIFL Capital account.",
    "VERSION": VERSION,
    "OAS_VERSION": "3.1.1",  # the types of cached values are described in today's JSON Schema
    "SERVE_INCLUDE_SCHEMA": False,
    "SCHEMA_PATH_PREFIX": "/api",
    "POSTPROCESSING_HOOKS": [
        "drf_spectacular.hooks.postprocess_schema_enums",
        "tradingsite.description.summarize",
        "tradingsite.description.errors",
    ],
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
    "COMPONENT_SPLIT_REQUEST": True,
}

# --- security ----------------------------------------------------------------------------------------------
SECURE_SSL_REDIRECT = HTTPS
SECURE_HSTS_SECONDS = 31_536_000 if HTTPS else 0
SECURE_HSTS_INCLUDE_SUBDOMAINS = HTTPS
SECURE_HSTS_PRELOAD = HTTPS
SESSION_COOKIE_SECURE = HTTPS
CSRF_COOKIE_SECURE = HTTPS
if HTTPS:
    # Behind a proxy that ends TLS; the proxy must set (and strip from callers) this header.
    SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")

DEFAULT_EXCEPTION_REPORTER_FILTER = "tradingsite.error_pages.SecretsHidden"

# --- the rest ----------------------------------------------------------------------------------------------
LANGUAGE_CODE = "en"
TIME_ZONE = "Asia/Kolkata"
USE_TZ = True
STATIC_URL = "static/"
WHITENOISE_USE_FINDERS = True  # served from the packages: no collectstatic needed
LOG_FORMAT = env.matching("LOG_FORMAT", "text", r"text|json", "text or json")
LOG_LEVEL = env.matching("LOG_LEVEL", "INFO", r"DEBUG|INFO|WARNING|ERROR", "DEBUG, INFO, WARNING or ERROR")
_OURS = ("systemcache", "broker", "watchlist", "tradingsite")
_TO_CONSOLE = {"handlers": ["console"], "propagate": False}
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {
        # Both mask secrets themselves.
        "text": {"()": "tradingsite.logs.TextFormatter"},
        "json": {"()": "tradingsite.logs.JSONFormatter"},
    },
    "filters": {"failures": {"()": "tradingsite.logs.Failures"}},
    "handlers": {"console": {"class": "logging.StreamHandler", "formatter": LOG_FORMAT}},
    "root": {"handlers": ["console"], "level": "WARNING"},
    "loggers": {
        **{app: {**_TO_CONSOLE, "level": LOG_LEVEL} for app in _OURS},
        # A line for each request, where a program reads the log.
        "tradingsite.access": {"level": "INFO" if LOG_FORMAT == "json" else "WARNING"},
        # Django itself would print a request's failure with DEBUG alone.
        "django": {**_TO_CONSOLE, "level": "INFO"},
        "django.server": {**_TO_CONSOLE, "level": "INFO"},
        "django.request": {"level": "ERROR", "filters": ["failures"]},  # the rest our own lines say better
    },
}
