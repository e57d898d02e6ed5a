"""What can go wrong with the cache.

CacheError
├── InvalidKeyPart     400  a parameter may not stand in a key
├── UnknownFamily      400  no family has this name
├── UnknownTag         400  no family has this tag
├── TooManyLoads       503  this process waits for its sources with all threads that it has for it
└── StoreUnavailable   503  Redis cannot be asked; reads then go to the source and never show this
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
        message = "may hold letters, digits and & _ - + . @ only, 64 at the most"
        super().__init__(f"{field}: {message}.", {field: [message]})


class UnknownFamily(CacheError):
    code = "unknown_family"

    def __init__(self, name: str, known: list[str]) -> None:
        super().__init__(f"There is no family {name!r}.", {"known": known})


class UnknownTag(CacheError):
    code = "unknown_tag"

    def __init__(self, tag: str, known: list[str]) -> None:
        super().__init__(f"No family has the tag {tag!r}.", {"known": known})


class StoreUnavailable(CacheError):
    status_code = 503
    code = "cache_unavailable"

    def __init__(self, reason: str) -> None:
        super().__init__(f"Redis cannot be reached ({reason}).")


class TooManyLoads(CacheError):
    status_code = 503
    code = "too_many_loads"
    retry_after = 1

    def __init__(self) -> None:
        super().__init__("Too many requests wait for the broker already. Try again in a second.")
