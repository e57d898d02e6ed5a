"""The WSGI application: any server, any number of workers and threads."""

import gc
import os

from django.core.wsgi import get_wsgi_application
from django.urls import get_resolver

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tradingsite.settings")

# What is loaded here stays: the collector would find nothing in it, now or later, and later it stops all requests.
gc.disable()
application = get_wsgi_application()
get_resolver().url_patterns  # noqa: B018 - with all views, before a worker takes requests: the first one has not to wait

from systemcache import series  # noqa: E402 - needs Django

series.site_started()
gc.freeze()
gc.enable()
