"""`/stream` by a process of its own: what a reader is sent, and who may read."""

import pytest
import requests

from systemcache.storage import event_log
from systemcache.storage.event_log import NewEvent
from tests.site.stream.conftest import (
    Read,
    StreamSite,
    cookie_of,
    log_in,
    numbers,
    publish,
    publish_prices,
    wait_for,
    wait_for_the_log,
)
from tests.support.programs import only_linux
from tests.support.waiting import eventually

pytestmark = [only_linux, pytest.mark.timeout(240)]

TIMEOUT = 60.0


# --- what is sent -------------------------------------------------------------------------------------------


def test_the_head_says_that_it_is_a_stream_which_nobody_may_keep(read: Read) -> None:
    reader = read()
    assert reader.status == 200
    assert reader.headers["Content-Type"] == "text/event-stream"
    assert reader.headers["Cache-Control"] == "no-store"
    assert reader.headers["X-Accel-Buffering"] == "no"
    assert "X-Cache" not in reader.headers
    assert "Content-Length" not in reader.headers


def test_a_stream_begins_with_its_place_and_the_feeds_state(read: Read) -> None:
    reader = read()
    eventually(lambda: bool(reader.events))
    first = reader.events[0]
    assert (first.name, first.data) == ("feed", {"state": "off", "since": None})
    assert first.id == event_log.end()
    assert reader.fields["retry"] == "1000"


def test_events_come_in_order_with_ids_that_rise(read: Read) -> None:
    reader = read("?events=order")
    publish(1, 2, 3)
    eventually(lambda: numbers(reader) == [1, 2, 3])
    orders = [event_log.order_of(event.id) for event in reader.events]
    assert orders == sorted(set(orders))
    assert reader.last_id == event_log.end()


def test_all_that_the_caller_may_see_comes_if_nothing_is_asked_for(read: Read) -> None:
    reader = read()
    for kind in ("order", "trade", "watchlist", "signal", "trading"):
        publish(1, kind=kind)
    eventually(lambda: {"order", "trade", "watchlist", "signal", "trading"} <= {event.name for event in reader.events})


def test_only_the_events_that_are_named_come(read: Read) -> None:
    reader, other = read("?events=trade,signal"), read("?events=order")
    for kind in ("order", "trade", "watchlist", "signal"):
        publish(7, kind=kind)
    eventually(lambda: len(reader.events) == 2 and len(other.events) == 1)
    assert [event.name for event in reader.events] == ["trade", "signal"]


def test_only_prices_of_the_symbols_that_are_named_come(read: Read) -> None:
    reader = read("?events=quote,order&symbols=RELIANCE,infy")
    keys = ("NSEEQ:TCS", "NSEEQ:RELIANCE", "BSEEQ:RELIANCE", "NSEEQ:INFY")
    event_log.append([NewEvent("quote", key, b'"%b"' % key.encode(), lasting=False) for key in keys])
    publish(1)
    eventually(lambda: numbers(reader, "order") == [1])
    assert [row for row in reader.rows("quote") if isinstance(row, str)] == ["NSEEQ:RELIANCE", "NSEEQ:INFY"]


def test_symbols_of_other_exchanges_are_named_with_them(read: Read) -> None:
    reader = read("?events=quote,order&symbols=RELIANCE,RELIANCE@BSEEQ")
    if reader.status == 200:
        event_log.append([NewEvent("quote", "BSEEQ:RELIANCE", b'"bse"', lasting=False)])
        publish(1)
        eventually(lambda: numbers(reader, "order") == [1])
        known = not any("unknown" in words for _, words in reader.comments)
        assert ("bse" in reader.rows("quote")) == known


def test_who_names_symbols_is_told_their_prices_at_once_as_the_api_shows_them(site: StreamSite, read: Read) -> None:
    headers = {"Authorization": f"Token {site.tokens['admin']}"}

    def first_price() -> bool:
        shown = requests.get(f"{site.process.site}/api/broker/quotes?symbols=TCS", headers=headers, timeout=TIMEOUT)
        reader = read("?symbols=TCS&events=quote")
        eventually(lambda: bool(reader.fields))
        publish_prices(1, 1)
        reader.close()
        return shown.json()["data"][0] in reader.rows("quote")

    eventually(first_price)  # the cache keeps a price for two seconds


@pytest.mark.slow
def test_a_comment_comes_within_ten_seconds(read: Read) -> None:
    reader = read("?events=signal")
    eventually(lambda: bool(reader.comments))
    assert not reader.ended


def test_an_alert_is_told_to_its_owner_and_to_staff(site: StreamSite, read: Read) -> None:
    (owner,) = site.sql("SELECT id FROM auth_user WHERE username = 'reader1'")[0]
    own, staff, other = (
        read("?events=alert,order", token=site.tokens[name]) for name in ("reader1", "admin", "reader2")
    )
    event_log.append([NewEvent("alert", f"{owner}:5", b'{"number":5}')])
    publish(1)
    eventually(lambda: all(numbers(reader, "order") == [1] for reader in (own, staff, other)))
    assert [numbers(reader, "alert") for reader in (own, staff, other)] == [[5], [5], []]


@pytest.mark.parametrize("planted", [b'{"a":1}\nevent: order', b"1\r2"])
def test_what_is_no_line_of_json_is_sent_to_nobody(read: Read, planted: bytes) -> None:
    reader = read("?events=order")
    event_log.append([NewEvent("order", "9", planted), NewEvent("nonsense", "9", b"1")])
    publish(1)
    eventually(lambda: numbers(reader) == [1])


def test_a_change_by_the_api_is_told_as_the_api_shows_it(site: StreamSite, read: Read) -> None:
    reader = read("?events=watchlist")
    headers = {"Authorization": f"Token {site.tokens['admin']}"}
    made = requests.post(
        f"{site.process.site}/api/watchlist", json={"symbol": "WIPRO"}, headers=headers, timeout=TIMEOUT
    )
    assert made.status_code == 201, made.text
    eventually(lambda: reader.rows("watchlist") == [made.json()])


@pytest.mark.slow
def test_an_order_that_is_placed_here_is_told_as_the_order_book_shows_it(site: StreamSite, read: Read) -> None:
    reader = read("?events=order,trade")
    site_url, headers = site.process.site, {"Authorization": f"Token {site.tokens['admin']}"}

    def book() -> list[dict[str, object]]:
        answer = requests.get(f"{site_url}/api/broker/orders", headers=headers, timeout=TIMEOUT)
        rows: list[dict[str, object]] = answer.json()["data"]
        return rows

    book()  # what there is before
    order = {"symbol": "INFY", "side": "BUY", "quantity": 1, "product": "DELIVERY", "order_type": "MARKET"}
    order |= {"market_protection_percent": "1.00"}
    placed = requests.post(
        f"{site_url}/api/broker/orders",
        json=order,
        headers={**headers, "Idempotency-Key": "stream-1"},
        timeout=TIMEOUT,
    )
    assert placed.status_code == 201, placed.text
    number = placed.json()["order_id"]
    eventually(lambda: number in [row["order_id"] for row in reader.rows("order")])
    told = [row for row in reader.rows("order") if row["order_id"] == number]
    states = [(row["status"], row["filled_quantity"]) for row in told]
    assert len(states) == len(set(states)), "a state is told once"
    assert told[-1].keys() == next(row for row in book() if row["order_id"] == number).keys()


# --- coming back --------------------------------------------------------------------------------------------


def test_who_comes_back_with_an_id_misses_nothing_and_gets_nothing_twice(read: Read) -> None:
    first = read("?events=order")
    publish(1, 2, 3)
    eventually(lambda: len(first.events) == 3)
    last = first.events[1].id
    first.close()
    publish(4, 5)
    second = read("?events=order", last_event_id=last)
    publish(6)
    eventually(lambda: 6 in numbers(second))
    assert numbers(second) == [3, 4, 5, 6]


def test_who_comes_back_is_told_no_place_that_it_has(read: Read) -> None:
    first = read()
    publish(1)
    eventually(lambda: numbers(first) == [1])
    second = read(last_event_id=first.last_id)
    publish(2)
    eventually(lambda: numbers(second) == [2])
    assert [event.own_id for event in second.named("feed")] == [False] * len(second.named("feed"))
    assert second.named("reset") == []


def test_who_has_seen_no_event_yet_comes_back_too(read: Read) -> None:
    first = read("?events=order")
    first.close()
    publish(1)
    second = read("?events=order", last_event_id=first.last_id)
    eventually(lambda: numbers(second) == [1])


@pytest.mark.parametrize("unknown", ["1-1", "9999999999999-0", "nonsense", "0"])
def test_an_unknown_id_is_one_reset_and_then_what_happens(read: Read, unknown: str) -> None:
    publish(1)
    wait_for_the_log(read)
    reader = read("?events=order", last_event_id=unknown)
    eventually(lambda: bool(reader.named("reset")))
    publish(2)
    eventually(lambda: numbers(reader) == [2])
    assert [event.name for event in reader.events] == ["reset", "order"]
    assert reader.events[0].data == {"reason": "unknown_id"}
    again = read("?events=order", last_event_id=reader.events[0].id)
    eventually(lambda: numbers(again) == [2])


@pytest.mark.slow
def test_after_the_process_was_killed_nobody_who_comes_back_misses_or_repeats_an_order(
    site: StreamSite, read: Read
) -> None:
    wait_for_the_log(read)
    readers = [read("?events=order", token=site.tokens[f"reader{number}"]) for number in range(5)]
    publish(*range(50))
    eventually(lambda: all(len(reader.events) == 50 for reader in readers))
    site.kill()
    publish(*range(50, 100))
    eventually(lambda: all(reader.ended for reader in readers))
    site.restart()
    for number, first in enumerate(readers):
        second = read("?events=order", token=site.tokens[f"reader{number}"], last_event_id=first.last_id)
        publish(1000 + number)
        wait_for(second, 1000 + number)
        seen = numbers(first) + numbers(second)
        assert [number for number in seen if number < 1000] == list(range(100))


# --- who may read -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("who", "status", "code"),
    [
        ("", 401, "not_authenticated"),
        ("nobody's", 401, "authentication_failed"),
        ("stranger", 403, "permission_denied"),
        ("metrics", 403, "token_scope"),
        ("read", 200, ""),
    ],
)
def test_reading_takes_the_permission_to_see_the_account(
    site: StreamSite, read: Read, who: str, status: int, code: str
) -> None:
    reader = read(token=site.tokens.get(who, who))
    assert reader.status == status
    assert status == 200 or reader.body["error"]["code"] == code


def test_kinds_that_the_caller_may_not_see_are_left_out_or_refused(site: StreamSite, read: Read) -> None:
    token = site.tokens["reader1"]
    refused = read("?events=trading,order", token=token)
    assert (refused.status, refused.body["error"]["code"]) == (403, "permission_denied")
    assert "trading" in refused.body["error"]["message"]
    reader = read(token=token)
    publish(1, kind="trading")
    publish(2)
    eventually(lambda: numbers(reader) == [2])
    assert reader.named("trading") == []


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("?events=prices", "events"),
        ("?events=", "events"),
        ("?events=order,,trade", "events"),
        ("?events=order&events=trade", "events"),
        ("?symbols=", "symbols"),
        ("?symbols=A:B", "symbols"),
        ("?symbols=NOSUCH", "symbols"),
        ("?symbols=TCS@MOON", "symbols"),
        ("?symbols=" + ",".join(f"S{number}" for number in range(600)), "symbols"),
        ("?symbol=TCS", "symbol"),
    ],
)
def test_a_wrong_query_is_400_and_names_the_parameter(read: Read, query: str, field: str) -> None:
    reader = read(query)
    error = reader.body["error"]
    assert reader.status == 400, error
    assert field in error["detail"]
    assert error["message"].startswith(field)


def test_symbols_that_are_unknown_beside_others_are_named_in_a_comment(read: Read) -> None:
    reader = read("?symbols=NOSUCH,TCS&events=quote")
    eventually(lambda: any("NOSUCH" in words for _, words in reader.comments))


def test_a_hundred_symbols_can_be_followed(read: Read) -> None:
    names = ",".join(["TCS", *(f"X{number}" for number in range(99))])
    assert read(f"?symbols={names}&events=quote").status == 200


def test_other_methods_and_the_sites_other_addresses_are_as_ever(site: StreamSite) -> None:
    headers = {"Authorization": f"Token {site.tokens['admin']}"}
    refused = requests.post(site.url, headers=headers, timeout=TIMEOUT)
    assert (refused.status_code, refused.json()["error"]["code"]) == (405, "method_not_allowed")
    asked = requests.head(site.url, headers=headers, timeout=TIMEOUT)
    assert (asked.status_code, asked.headers["Content-Type"]) == (200, "text/event-stream")
    assert requests.get(f"{site.url}/", headers=headers, timeout=TIMEOUT, stream=True).status_code == 200
    assert requests.get(f"{site.url}x", headers=headers, timeout=TIMEOUT).status_code == 404
    assert requests.get(f"{site.process.site}/api/watchlist", headers=headers, timeout=TIMEOUT).status_code == 200


@pytest.mark.slow
def test_a_user_has_twenty_streams_and_a_closed_one_frees_its_place(site: StreamSite, read: Read) -> None:
    token = site.tokens["reader3"]
    readers = [read("?events=order", token=token) for _ in range(20)]
    assert [reader.status for reader in readers] == [200] * 20
    refused = read("?events=order", token=token)
    assert (refused.status, refused.body["error"]["code"]) == (429, "too_many_streams")
    assert int(refused.headers["Retry-After"]) <= 12
    assert read("?events=order", token=site.tokens["reader4"]).status == 200
    readers[0].close()
    eventually(lambda: read("?events=order", token=token).status == 200)


# --- cut off ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("reader", "statement"),
    [
        ("reader5", "DELETE FROM systemcache_apitoken WHERE user_id = {id}"),
        ("reader6", "UPDATE systemcache_apitoken SET expires_at = '2020-01-01 00:00:00' WHERE user_id = {id}"),
        ("reader7", "UPDATE systemcache_apitoken SET scope = 'metrics' WHERE user_id = {id}"),
        ("reader8", "UPDATE auth_user SET is_active = 0 WHERE id = {id}"),
        ("reader9", "DELETE FROM auth_user_user_permissions WHERE user_id = {id}"),
    ],
)
def test_who_may_no_longer_read_is_cut_off(site: StreamSite, read: Read, reader: str, statement: str) -> None:
    following = read("?events=order", token=site.tokens[reader])
    other = read("?events=order", token=site.tokens["reader0"])
    publish(1)
    eventually(lambda: numbers(following) == [1])
    (number,) = site.sql("SELECT id FROM auth_user WHERE username = ?", reader)[0]
    site.sql(statement.format(id=number))
    eventually(lambda: following.ended)
    publish(2)
    eventually(lambda: numbers(other) == [1, 2])
    assert numbers(following) == [1]
    assert read(token=site.tokens[reader]).status in (401, 403)


def test_a_reader_whose_rights_have_changed_comes_back_with_those(site: StreamSite, read: Read) -> None:
    following = read(token=site.tokens["reader10"])
    (number,) = site.sql("SELECT id FROM auth_user WHERE username = 'reader10'")[0]
    (trade,) = site.sql("SELECT id FROM auth_permission WHERE codename = 'trade'")[0]
    site.sql("INSERT INTO auth_user_user_permissions (user_id, permission_id) VALUES (?, ?)", number, trade)
    eventually(lambda: following.ended)
    assert read("?events=trading", token=site.tokens["reader10"]).status == 200


# --- pages --------------------------------------------------------------------------------------------------


def test_a_page_of_the_site_reads_with_its_cookie_from_another_port(site: StreamSite, read: Read) -> None:
    cookie = cookie_of(log_in(site, "reader11"))
    reader = read("?events=order", token="", headers={"Cookie": cookie, "Origin": site.origin})
    assert reader.headers["Access-Control-Allow-Origin"] == site.origin
    assert reader.headers["Access-Control-Allow-Credentials"] == "true"
    assert "Origin" in reader.headers["Vary"]
    publish(1)
    eventually(lambda: numbers(reader) == [1])


@pytest.mark.parametrize("origin", ["http://127.0.0.1:3000", "https://127.0.0.1:8000", "http://evil.example", "null"])
def test_a_page_of_another_origin_is_refused(site: StreamSite, read: Read, origin: str) -> None:
    cookie = cookie_of(log_in(site, "reader11"))
    reader = read(token="", headers={"Cookie": cookie, "Origin": origin})
    assert (reader.status, reader.body["error"]["code"]) == (403, "foreign_origin")
    assert "Access-Control-Allow-Origin" not in reader.headers


def test_a_browser_may_ask_first_whether_it_may_send_the_last_id(site: StreamSite) -> None:
    asked = {"Origin": site.origin, "Access-Control-Request-Method": "GET"}
    asked |= {"Access-Control-Request-Headers": "last-event-id"}
    answer = requests.options(site.url, headers=asked, timeout=TIMEOUT)
    assert answer.status_code == 204
    assert answer.headers["Access-Control-Allow-Origin"] == site.origin
    assert "Last-Event-ID" in answer.headers["Access-Control-Allow-Headers"]
    foreign = requests.options(site.url, headers=asked | {"Origin": "http://evil.example"}, timeout=TIMEOUT)
    assert "Access-Control-Allow-Headers" not in foreign.headers


def test_a_session_that_ends_ends_its_streams(site: StreamSite, read: Read) -> None:
    session = log_in(site, "reader11")
    reader = read("?events=order", token="", headers={"Cookie": cookie_of(session)})
    assert reader.status == 200
    form = {"csrfmiddlewaretoken": session.cookies["csrftoken"]}
    session.post(f"{site.process.site}/api/auth/logout/", data=form, timeout=TIMEOUT, allow_redirects=False)
    eventually(lambda: reader.ended)
    assert read(token="", headers={"Cookie": cookie_of(log_in(site, "reader11"))}).status == 200
