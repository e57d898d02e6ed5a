"""The site's WSGI application as the harness runs it: patient, and with leases switched off on demand."""

from tests.systemcache.promises.setup import prepare

prepare()

from tradingsite.wsgi import application  # noqa: E402 - needs Django

__all__ = ["application"]
