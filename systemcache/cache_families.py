"""The families that this floor itself keeps: whose a token and a session are, and what a user may do."""

from systemcache.families import Family
from systemcache.identity import Identity

TOKEN = Family("token", "auth:token:{sha256}", Identity, strict=True, near=True, secret=True)
USER = Family("user", "auth:user:{id}", Identity, strict=True, near=True, secret=True)
SESSION = Family("session", "auth:session:{sha256}", str, strict=True, near=True, secret=True)
ALL = (TOKEN, USER, SESSION)
