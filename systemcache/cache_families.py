"""The families that this floor itself keeps: whose a token and a session are, and what a user may do."""

from datetime import datetime

import msgspec

from systemcache.families import Family
from systemcache.identity import Identity


class KeptSession(msgspec.Struct, frozen=True):
    """A session as Django signs it, and when it ends: which may be before its copy does."""

    data: str
    ends: datetime


TOKEN = Family("token", "auth:token:{sha256}", Identity, strict=True, near=True, secret=True)
USER = Family("user", "auth:user:{id}", Identity, strict=True, near=True, secret=True)
SESSION = Family("session", "auth:session:{sha256}", KeptSession, strict=True, near=True, secret=True)
ALL = (TOKEN, USER, SESSION)
