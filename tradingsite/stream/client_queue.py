"""The messages for one reader, bounded however slow the reader is."""

from collections import Counter, deque

from tradingsite.stream.messages import Message

MAX_LASTING = 1_000  # messages that no newer one replaces


class ClientQueue:
    """Messages in the order of the log. Used by one thread.

    Of replaceable messages only the newest of each key is kept, at its own place in the order; others are never
    dropped. So when a message has been sent, no earlier one is left in the queue.
    """

    def __init__(self) -> None:
        self._lasting: deque[Message] = deque()
        self._newest: dict[str, Message] = {}
        self.replaced: Counter[str] = Counter()  # by kind

    def __len__(self) -> int:
        return len(self._lasting) + len(self._newest)

    def put(self, message: Message) -> bool:
        """Whether it was taken; not if too many wait that no newer one replaces."""
        if message.replaced:
            name = f"{message.kind} {message.key}"
            if self._newest.pop(name, None):
                self.replaced[message.kind] += 1
            self._newest[name] = message
            return True
        if len(self._lasting) >= MAX_LASTING:
            return False
        self._lasting.append(message)
        return True

    def take(self, size: int) -> list[Message]:
        """Remove and return the oldest messages, of `size` bytes or a message more."""
        taken: list[Message] = []
        while size > 0:
            message = self._take_first()
            if message is None:
                break
            taken.append(message)
            size -= len(message.text)
        return taken

    def drop_until(self, order: tuple[int, int]) -> None:
        """Forget what is no newer than this."""
        self._lasting = deque(message for message in self._lasting if message.order > order)
        self._newest = {name: message for name, message in self._newest.items() if message.order > order}

    def clear(self) -> None:
        self._lasting.clear()
        self._newest.clear()

    def _take_first(self) -> Message | None:
        name = next(iter(self._newest), None)
        if self._lasting and (name is None or self._lasting[0].order <= self._newest[name].order):
            return self._lasting.popleft()
        return self._newest.pop(name) if name is not None else None
