"""Who may do what with alerts: the model's permissions for writes, the account's for reads, and one's own rows."""

from rest_framework.permissions import DjangoModelPermissions


class OwnRows(DjangoModelPermissions):
    """A class of its own, because names of permissions do not say whose rows a caller gets: so the fast path, which
    tells callers apart by permissions, is not taken (systemcache.per_view.mixins.required_permissions)."""
