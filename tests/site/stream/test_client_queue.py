"""What is kept for a reader: bounded, in order, prices replaced and nothing else."""

from hypothesis import given
from hypothesis import strategies as st

from tradingsite.stream import client_queue
from tradingsite.stream.client_queue import ClientQueue
from tradingsite.stream.messages import Message

EVERYTHING = 10**9  # bytes


def price(number: int, symbol: str = "S") -> Message:
    return Message((number, 0), "quote", symbol, b"%d" % number, replaced=True)


def order(number: int) -> Message:
    return Message((number, 0), "order", "", b"%d" % number)


def taken(queue: ClientQueue, size: int = EVERYTHING) -> list[int]:
    return [message.order[0] for message in queue.take(size)]


def test_of_a_symbols_prices_the_newest_is_kept_at_its_place() -> None:
    queue = ClientQueue()
    for message in (price(1), order(2), price(3), price(4, "T"), price(5)):
        assert queue.put(message)
    assert taken(queue) == [2, 4, 5]
    assert queue.replaced == {"quote": 2}


def test_others_are_kept_all_until_there_are_too_many() -> None:
    queue = ClientQueue()
    numbers = list(range(client_queue.MAX_LASTING))
    assert all(queue.put(order(number)) for number in numbers)
    assert not queue.put(order(len(numbers)))
    assert queue.put(price(10**6))
    assert taken(queue) == [*numbers, 10**6]


def test_a_part_is_taken_in_order_and_the_rest_later() -> None:
    queue = ClientQueue()
    for message in (order(1), price(2), order(3), price(4, "T")):
        queue.put(message)
    assert [taken(queue, 2), taken(queue, 1), taken(queue), taken(queue)] == [[1, 2], [3], [4], []]


def test_what_was_replayed_is_forgotten() -> None:
    queue = ClientQueue()
    for message in (order(1), price(2), order(3), price(4, "T")):
        queue.put(message)
    queue.drop_until((2, 0))
    assert taken(queue) == [3, 4]


@given(st.lists(st.one_of(st.none(), st.sampled_from("ABCD")), max_size=60), st.lists(st.integers(1, 6), max_size=60))
def test_whatever_comes_and_goes_a_reader_has_all_that_was_not_replaced_in_order(
    kinds: list[str | None], sizes: list[int]
) -> None:
    queue, seen = ClientQueue(), list[Message]()
    for number, kind in enumerate(kinds, start=1):
        queue.put(order(number) if kind is None else price(number, kind))
        if number <= len(sizes) and number % 3 == 0:
            seen += queue.take(sizes[number - 1])
    seen += queue.take(EVERYTHING)
    assert [message.order for message in seen] == sorted({message.order for message in seen})
    assert [message.order[0] for message in seen if message.kind == "order"] == [
        number for number, kind in enumerate(kinds, start=1) if kind is None
    ]
    newest = {kind: number for number, kind in enumerate(kinds, start=1) if kind}
    assert newest == {message.key: message.order[0] for message in seen if message.kind == "quote"}
