"""The site's settings for worker processes of a benchmark, which have no database; cacheops beside it if asked."""

import os

from tradingsite.settings import *
from tradingsite.settings import INSTALLED_APPS as _SITE
from tradingsite.settings import REDIS_URL

INSTALLED_APPS = [*(["cacheops"] if os.environ.get("BENCH_SUBJECT") == "cacheops" else []), *_SITE]
CACHEOPS_REDIS = REDIS_URL
CACHEOPS = {"auth.*": {"ops": (), "timeout": 60}}
CACHE_RECOVERY_INTERVAL = 0  # no database is made for this
CACHE_COOL_DOWN = 0
