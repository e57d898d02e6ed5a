"""Counts on their way to Redis."""

from systemcache import batches
from systemcache.batches import Batch, Queue

HIT = ("holdings", "hits")


def sent(queue: Queue) -> Batch:
    batch = queue.first()
    assert batch
    return batch


def test_what_is_sent_again_is_sent_as_it_was() -> None:
    queue = Queue()
    queue.put({HIT: 1}, 5)
    first = sent(queue)
    queue.put({HIT: 2}, 5)
    again = sent(queue)
    assert (again.number, again.counts) == (first.number, {HIT: 1})
    queue.done()
    assert (sent(queue).number, sent(queue).counts) == (first.number + 1, {HIT: 2})


def test_counts_of_one_minute_wait_together_and_keep_their_minute() -> None:
    queue = Queue()
    for minute in (5, 5, 6):
        queue.put({HIT: 1}, minute)
    assert (sent(queue).minute, sent(queue).counts[HIT]) == (5, 2)
    queue.done()
    assert (sent(queue).minute, sent(queue).counts[HIT]) == (6, 1)
    queue.done()
    assert queue.first() is None


def test_however_long_redis_is_away_what_waits_is_bounded_and_all_there() -> None:
    queue = Queue()
    for minute in range(3 * batches.MOST):
        queue.put({HIT: 1}, minute)
    assert len(queue._waiting) == batches.MOST
    assert queue.total()[HIT] == 3 * batches.MOST


def test_two_writers_have_names_of_their_own() -> None:
    assert Queue().writer != Queue().writer
