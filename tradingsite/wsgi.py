"""The WSGI application, for any server with any number of workers and threads."""

import gc
import os
import sys

from django.core.wsgi import get_wsgi_application
from django.urls import get_resolver

os.umask(0o077)  # what the site writes is for its user alone
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tradingsite.settings")

# Seconds after which a thread that computes lets another one go on. A hit computes for a fraction of a millisecond, and
# would wait five (Python's default) each time it comes back from a socket while another request computes.
sys.setswitchinterval(0.0005)

# What is loaded here lives as long as the process: scanning it for garbage finds nothing, and stops all requests.
gc.disable()
application = get_wsgi_application()
get_resolver().url_patterns  # noqa: B018 - imports all views now, so that the first request need not wait

from systemcache import checks  # noqa: E402 - needs Django
from systemcache.invalidation import recovery  # noqa: E402 - needs Django
from systemcache.operations.processes import reporter  # noqa: E402 - needs Django
from systemcache.stats import time_series  # noqa: E402 - needs Django

checks.exit_on_errors()
reporter.kind = "web"
time_series.mark_site_start()
recovery.start()  # the first request need not wait for its first round, and the page of processes shows this one
gc.freeze()
gc.enable()
