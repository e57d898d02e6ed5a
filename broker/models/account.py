"""The permissions on the trading account."""

from django.db import models


class Account(models.Model):
    """A model without a table that carries the permissions on the trading account."""

    class Meta:
        managed = False
        default_permissions = ()
        permissions = (
            ("view_account", "Can see the account: holdings, positions, margins, orders, prices"),
            ("log_in", "Can log in to the broker"),
            ("trade", "Can place, change and cancel orders"),
        )
