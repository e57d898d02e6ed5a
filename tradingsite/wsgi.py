"""The WSGI application: any server, any number of workers and threads."""

import os

from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tradingsite.settings")

application = get_wsgi_application()

from systemcache import series  # noqa: E402 - needs Django

series.site_started()
