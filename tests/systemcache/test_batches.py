"""Counts on their way to Redis."""

from systemcache.stats import batches
from systemcache.stats.batches import Batch, BatchQueue

HIT = ("holdings", "hits")


def sent(queue: BatchQueue) -> Batch:
    batch = queue.next_batch()
    assert batch
    return batch


def test_what_is_sent_again_is_sent_as_it_was() -> None:
    queue = BatchQueue()
    queue.put({HIT: 1}, 5)
    first = sent(queue)
    queue.put({HIT: 2}, 5)
    again = sent(queue)
    assert (again.number, again.counts) == (first.number, {HIT: 1})
    queue.confirm()
    assert (sent(queue).number, sent(queue).counts) == (first.number + 1, {HIT: 2})


def test_counts_of_one_minute_wait_together_and_keep_their_minute() -> None:
    queue = BatchQueue()
    for minute in (5, 5, 6):
        queue.put({HIT: 1}, minute)
    assert (sent(queue).minute, sent(queue).counts[HIT]) == (5, 2)
    queue.confirm()
    assert (sent(queue).minute, sent(queue).counts[HIT]) == (6, 1)
    queue.confirm()
    assert queue.next_batch() is None


def test_however_long_redis_is_away_what_waits_is_bounded_and_all_there() -> None:
    queue = BatchQueue()
    for minute in range(3 * batches.MAX_BATCHES):
        queue.put({HIT: 1}, minute)
    assert queue.total()[HIT] == 3 * batches.MAX_BATCHES
    number = 0
    while queue.next_batch():
        queue.confirm()
        number += 1
    assert number == batches.MAX_BATCHES


def test_two_writers_have_names_of_their_own() -> None:
    assert BatchQueue().writer != BatchQueue().writer
