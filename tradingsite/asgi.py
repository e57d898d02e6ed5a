"""The ASGI application, for servers that speak nothing else; the site itself is synchronous."""

import os

from django.core.asgi import get_asgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tradingsite.settings")

application = get_asgi_application()

from systemcache import series  # noqa: E402 - needs Django

series.site_started()
