"""The errors of the cache.

CacheError
├── InvalidKeyPart     400  a parameter contains a character that a key must not contain
├── UnknownFamily      400  no family has this name
├── UnknownTag         400  no family has this tag
├── UnregisteredFamily 500  a family is used that no app has registered: a programming error
├── MissingTTL         500  the settings have no TTL for a family: a programming error
├── TooManyLoads       503  the process is at its limit of concurrent loads
└── StoreUnavailable   503  Redis cannot be used; a read then goes to its source and does not raise this
"""


class CacheError(Exception):
    status_code = 400
    code = "cache_error"
    retry_after: int | None = None

    def __init__(self, message: str, detail: object = None) -> None:
        super().__init__(message)
        self.detail = detail


class InvalidKeyPart(CacheError):
    code = "invalid"

    def __init__(self, field: str) -> None:
        message = "may contain only letters, digits, spaces and & _ - + . @, at most 64 characters"
        super().__init__(f"{field}: {message}.", {field: [message]})


class UnknownFamily(CacheError):
    code = "unknown_family"

    def __init__(self, name: str, known: list[str]) -> None:
        super().__init__(f"There is no family {name!r}.", {"known": known})


class UnknownTag(CacheError):
    code = "unknown_tag"

    def __init__(self, tag: str, known: list[str]) -> None:
        super().__init__(f"No family has the tag {tag!r}.", {"known": known})


class UnregisteredFamily(CacheError):
    status_code = 500
    code = "unregistered_family"

    def __init__(self, name: str) -> None:
        super().__init__(
            f"The family {name!r} is not registered: call families.register() for it in AppConfig.ready()."
        )


class MissingTTL(CacheError):
    status_code = 500
    code = "missing_ttl"

    def __init__(self, name: str) -> None:
        super().__init__(f"The family {name!r} has no TTL: add {name!r} to CACHE_TTLS, in whole seconds above 0.")


class StoreUnavailable(CacheError):
    status_code = 503
    code = "cache_unavailable"

    def __init__(self, reason: str) -> None:
        super().__init__(f"Redis cannot be used ({reason}).")
        self.reason = reason


class TooManyLoads(CacheError):
    status_code = 503
    code = "too_many_loads"
    retry_after = 1

    def __init__(self) -> None:
        super().__init__("Too many requests are already waiting for their sources. Try again in a second.")
