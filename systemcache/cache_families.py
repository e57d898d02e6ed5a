"""The family that this floor itself keeps: who a token belongs to."""

from systemcache.families import Family

TOKEN = Family("token", "auth:token:{sha256}", int, strict=True, secret=True)
