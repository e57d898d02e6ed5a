"""The references' Django: the site's models and Redis, and nothing on the way of a request."""

from tradingsite.settings import *
from tradingsite.settings import CACHE_TTLS as SITE_TTLS
from tradingsite.settings import CACHES as SITE_CACHES
from tradingsite.settings import INSTALLED_APPS as SITE_APPS
from tradingsite.settings import REDIS_URL

INSTALLED_APPS = ["cacheops", *SITE_APPS]
MIDDLEWARE = []
ROOT_URLCONF = "benchmarks.reference"
WSGI_APPLICATION = "benchmarks.reference.application"
CACHE_TTLS = {**SITE_TTLS, "bench_page": 3_600}
CACHES = {
    **SITE_CACHES,
    # As Django's cache_page wants it: whole responses, pickled.
    "pages": {"BACKEND": "django_redis.cache.RedisCache", "LOCATION": REDIS_URL, "KEY_PREFIX": "reference"},
}
CACHEOPS_REDIS = REDIS_URL
CACHEOPS = {"watchlist.*": {"ops": (), "timeout": 600}}
