"""Events as text/event-stream: https://html.spec.whatwg.org/multipage/server-sent-events.html."""

from typing import NamedTuple

from systemcache import codec
from systemcache.events import Kind
from systemcache.storage.event_log import LoggedEvent, order_of

RETRY = 1_000  # milliseconds after which a browser reconnects
COMMENT = b":\n\n"  # keeps proxies from closing a quiet stream, and shows that a reader has gone
RESET = "reset"


class Message(NamedTuple):
    """An event as it is sent. `order` sorts messages, `key` names what a newer one replaces, if `replaced`."""

    order: tuple[int, int]
    kind: str
    key: str
    text: bytes
    replaced: bool = False


def of_event(event: LoggedEvent, kind: Kind) -> Message | None:
    """The event's message; None if the log has an entry that is not a line of JSON or has no valid id."""
    if b"\n" in event.data or b"\r" in event.data:
        return None
    try:
        order = order_of(event.id)
    except ValueError:
        return None
    return Message(order, kind.name, event.key, text(kind.name, event.data, event.id), kind.replaced)


def text(kind: str, data: bytes, event_id: str = "") -> bytes:
    """An event. Without an id it does not change a reader's position in the log."""
    place = b"id: %b\n" % event_id.encode() if event_id else b""
    return b"%bevent: %b\ndata: %b\n\n" % (place, kind.encode(), data)


def opening(event_id: str) -> bytes:
    """The first lines of a stream; what follows, or a blank line, makes them an event. An id "" leaves the place."""
    place = b"id: %b\n" % event_id.encode() if event_id else b""
    return b"retry: %d\n%b" % (RETRY, place)


def reset(reason: str) -> bytes:
    return text(RESET, codec.encode({"reason": reason}))


def comment(words: str) -> bytes:
    return b": %b\n\n" % words.encode("ascii", "replace")
