"""After a full run no log, page, answer, key or value holds a secret.

Secrets are the session token, the app secret, the auth code, the login's checksum and the API token.
"""

import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote

import psycopg
import pytest
import requests
from psycopg import sql
from redis import Redis

from broker.iifl.session import checksum
from broker.simulator import Simulator, SimulatorOptions
from tests.site.routes import GET_ROUTES
from tests.systemcache.failures.site import PASSWORD, Process, Site, running_site
from testservers.project import ROOT

pytestmark = pytest.mark.timeout(240)

CLIENT, KEY, SECRET, CODE = "REAL01", "real-app-key", "s3cr3t-of-the-app-77", "C0DE-0nce-31415"
CALLBACK = "/broker/callback/"
SESSION_PAGE = "/admin/broker/brokersession/"
ADMIN_PAGES = ("/admin/", SESSION_PAGE, "/admin/broker/orderrequest/", "/admin/systemcache/apitoken/")
FAULTS = ("401", "429", "500", "not-json", "truncated", "drop", "EC500", "EC075")


@dataclass
class Answers:
    """Everything that was answered."""

    texts: list[str] = field(default_factory=list)

    def keep(self, answer: requests.Response) -> requests.Response:
        self.texts += [*map(": ".join, answer.headers.items()), answer.text]
        return answer


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    with running_site(tmp_path_factory.mktemp("secrets")) as site:
        yield site


@pytest.fixture(scope="module")
def broker() -> Iterator[Simulator]:
    options = SimulatorOptions(port=0, limits=False, client_id=CLIENT, app_secret=SECRET, auth_code=CODE, hang=0.1)
    with Simulator(options) as running:
        yield running


def real(site: Site, broker: Simulator, name: str, debug: str) -> Process:
    """A process whose account is no simulator's, as far as it knows."""
    return site.another(
        name,
        IIFL_CLIENT_ID=CLIENT,
        IIFL_APP_KEY=KEY,
        IIFL_APP_SECRET=SECRET,
        IIFL_BASE_URL=broker.base_url,
        TRADING_ENABLED="true",
        DJANGO_DEBUG=debug,
        CACHE_TTL_HOLDINGS="1",
    )


def log_in(process: Process, answers: Answers) -> requests.Session:
    person = requests.Session()
    answers.keep(person.get(f"{process.url}/admin/login/", timeout=30))
    form = {"username": "boss", "password": PASSWORD, "next": "/", "csrfmiddlewaretoken": person.cookies["csrftoken"]}
    answers.keep(person.post(f"{process.url}/admin/login/", data=form, timeout=30, allow_redirects=False))
    return person


def begin_login(process: Process, person: requests.Session, answers: Answers) -> None:
    form = {"begin_login": "1", "csrfmiddlewaretoken": person.cookies["csrftoken"]}
    answers.keep(person.post(f"{process.url}{SESSION_PAGE}", data=form, timeout=30, allow_redirects=False))


def go_through_everything(process: Process, broker: Simulator, answers: Answers) -> None:
    person = log_in(process, answers)
    for fault in ("500", "not-json", "EC044"):  # logins that fail
        broker.fail("getusersession", fault, times=1)
        begin_login(process, person, answers)
        answers.keep(person.get(f"{process.url}{CALLBACK}?authcode={CODE}&clientid={CLIENT}", timeout=30))
    answers.keep(requests.get(f"{process.url}{CALLBACK}?authCode={CODE}&clientId={CLIENT}", timeout=30))  # a stranger's
    answers.keep(
        person.get(f"{process.url}{CALLBACK}?authcode={CODE}&clientid={CLIENT}", timeout=30)
    )  # of no login begun
    begin_login(process, person, answers)
    answers.keep(person.get(f"{process.url}{CALLBACK}?authcode={CODE}&clientid={CLIENT}", timeout=30))
    pasted = {"auth_code": CODE, "csrfmiddlewaretoken": person.cookies["csrftoken"]}
    answers.keep(person.post(f"{process.url}{SESSION_PAGE}", data=pasted, timeout=30))
    for route in (*GET_ROUTES, "/no/such/page", "/api/no/such/route"):
        answers.keep(process.ask("GET", route))
    for page in ADMIN_PAGES:
        answers.keep(person.get(f"{process.url}{page}", timeout=30))
    order(process, answers)
    for fault in FAULTS:  # some of them end the session
        broker.fail("holdings", fault, times=2)
        answers.keep(process.ask("POST", "/api/system/cache/clear?pattern=api:*"))
        answers.keep(process.ask("GET", "/api/broker/holdings"))
        broker.clear_faults()


def order(process: Process, answers: Answers) -> None:
    wanted = {"symbol": "INFY", "side": "BUY", "quantity": 1, "product": "INTRADAY", "order_type": "MARKET"}
    headers = {"Authorization": f"Token {process.token}", "Idempotency-Key": f"{process.name}-1"}
    url = f"{process.url}/api/broker/orders"
    body = wanted | {"market_protection_percent": "0.5"}
    assert answers.keep(requests.post(url, json=body, headers=headers, timeout=30)).status_code == 201
    answers.keep(requests.post(url, data="{", headers=headers, timeout=30))


def everything_in(redis: Redis) -> bytes:
    """Each key with what it holds, as Redis itself would write it down."""
    return b"\n".join(name + b" " + _content(redis, name) for name in redis.scan_iter(count=1000))


def _content(redis: Redis, name: bytes) -> bytes:
    kind = redis.type(name)
    if kind == b"hash":
        return repr(redis.hgetall(name)).encode()
    if kind == b"list":
        return repr(redis.lrange(name, 0, -1)).encode()
    if kind == b"zset":
        return repr(redis.zrange(name, 0, -1, withscores=True)).encode()
    if kind == b"set":
        return repr(redis.smembers(name)).encode()
    if kind == b"stream":
        return repr(redis.xrange(name)).encode()
    return repr(redis.get(name)).encode()


def everything_in_the_database(address: str) -> str:
    """As text; with SQLite the file's bytes, which hold all of it."""
    if address.startswith("sqlite"):
        return Path(address.removeprefix("sqlite:///")).read_bytes().decode(errors="replace")
    with psycopg.connect(address) as connection:
        names = connection.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'").fetchall()
        texts = [sql.SQL("SELECT t::text FROM {} t").format(sql.Identifier(name)) for (name,) in names]
        rows = [connection.execute(text).fetchall() for text in texts]
    return "\n".join(str(row[0]) for table in rows for row in table)


@pytest.mark.slow
@pytest.mark.parametrize("debug", ["false", "true"])
def test_no_secret_is_found_anywhere_after_a_full_run(site: Site, broker: Simulator, debug: str) -> None:
    process, answers = real(site, broker, f"debug-{debug}", debug), Answers()
    try:
        go_through_everything(process, broker, answers)
        with Redis.from_url(site.redis.url) as redis:
            kept = everything_in(redis).decode(errors="replace")
    finally:
        process.stop()
    sessions = broker.sessions.tokens()
    assert sessions, "nobody has logged in"
    assert any('"symbol"' in text and "RELIANCE" in text for text in answers.texts), "no holdings were answered"
    assert "api:" in kept, "nothing was cached"
    places = {
        "the log": process.log(),
        "an answer": "\n".join(answers.texts),
        "Redis": kept,
        "the database": everything_in_the_database(site.environment["DATABASE_URL"]),
    }
    secrets = {
        "the app secret": SECRET,
        "the auth code": CODE,
        "the login's checksum": checksum(CLIENT, CODE, SECRET),
        "the API token": site.token,
        **{f"session token {number}": token for number, token in enumerate(sessions)},
        **{f"signature {number}": token.rpartition(".")[2] for number, token in enumerate(sessions)},
    }
    found = [
        f"{secret} in {place}"
        for place, text in places.items()
        for secret, value in secrets.items()
        if re.search("|".join(map(re.escape, {value, quote(value, safe="")})), text)
    ]
    assert found == []


@pytest.mark.slow
def test_commands_show_no_secret(site: Site, broker: Simulator) -> None:
    environment = {
        **site.environment,
        "IIFL_CLIENT_ID": CLIENT,
        "IIFL_APP_KEY": KEY,
        "IIFL_APP_SECRET": SECRET,
        "IIFL_BASE_URL": broker.base_url,
        "DJANGO_DEBUG": "true",
    }
    said = ""
    for command in (["brokerlogin"], ["brokerlogin", "--auth-code", CODE], ["brokerlogin", "--auth-code", f"no{CODE}"]):
        done = subprocess.run(
            [sys.executable, "manage.py", *command],
            cwd=ROOT,
            env=environment,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        said += done.stdout + done.stderr
    assert "Logged in as REAL01" in said
    assert "refused the login" in said
    for secret in (SECRET, CODE, *broker.sessions.tokens()):
        assert secret not in said
