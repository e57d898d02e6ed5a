"""Prometheus over the site: the rules in infra/ are sound, name what exists, and fire and end as they should."""

import json
import re
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import cast

import pytest
import requests
import yaml
from redis import Redis
from rest_framework.test import APIClient

from broker.simulator import Simulator, SimulatorOptions
from tests.site.conftest import Deployment
from tests.support.programs import only_linux, program
from tests.support.waiting import eventually
from testservers.ports import free_port
from testservers.processes import Program
from testservers.project import ROOT
from testservers.redis_server import RedisServer
from testservers.web_server import WebServer, prepare

INFRA = ROOT / "infra"
METRIC = re.compile(r"\b(?:cache|broker)_[a-z0-9_]+\b")
PATIENCE = 60.0


@pytest.mark.parametrize("arguments", [("check", "rules", "alerts.yml"), ("test", "rules", "alerts_test.yml")])
def test_the_alert_rules_are_sound_and_say_what_they_should(arguments: tuple[str, ...]) -> None:
    run = subprocess.run(
        [program("promtool"), *arguments], cwd=INFRA, capture_output=True, text=True, timeout=60, check=False
    )
    assert run.returncode == 0, run.stdout + run.stderr


def test_the_example_of_a_configuration_is_accepted(tmp_path: Path) -> None:
    for name in ("alerts.yml", "prometheus.yml"):
        (tmp_path / "infra").mkdir(exist_ok=True)
        (tmp_path / "infra" / name).write_text((INFRA / name).read_text())
    (tmp_path / "var").mkdir()
    (tmp_path / "var" / "metrics_token").write_text("token")
    run = subprocess.run(
        [program("promtool"), "check", "config", tmp_path / "infra" / "prometheus.yml"],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert run.returncode == 0, run.stdout + run.stderr


@pytest.mark.usefixtures("redis_store")
@pytest.mark.parametrize("paper", ["alerts.yml", "alerts_test.yml", "grafana_dashboard.json"])
def test_every_metric_that_is_named_is_there(staff: APIClient, paper: str) -> None:
    text = staff.get("/metrics").content.decode()
    there = set(re.findall(r"^([a-z_]+)[{ ]", text, re.MULTILINE))
    named = set(METRIC.findall((INFRA / paper).read_text())) - {"broker_busy"}  # an error's code
    assert len(named) > 5
    assert named - there == set()


def test_every_alert_is_played_through() -> None:
    rules = yaml.safe_load((INFRA / "alerts.yml").read_text())
    alerts = {rule["alert"] for group in rules["groups"] for rule in group["rules"]}
    tests = yaml.safe_load((INFRA / "alerts_test.yml").read_text())["tests"]
    assert {case["alertname"] for test in tests for case in test["alert_rule_test"] if case["exp_alerts"]} == alerts


def test_the_dashboards_panels_do_not_overlap() -> None:
    panels = json.loads((INFRA / "grafana_dashboard.json").read_text())["panels"]
    taken = [
        (x, y)
        for place in (panel["gridPos"] for panel in panels)
        for x in range(place["x"], place["x"] + place["w"])
        for y in range(place["y"], place["y"] + place["h"])
    ]
    assert len(taken) == len(set(taken))
    assert len({panel["id"] for panel in panels}) == len(panels)


# --- a Prometheus that watches a running site ----------------------------------------------------------------


@pytest.fixture(scope="module")
def watched_broker() -> Iterator[Simulator]:
    with Simulator(SimulatorOptions(port=0, limits=False)) as running:
        yield running


@pytest.fixture(scope="module")
def watched_redis(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    with RedisServer(tmp_path_factory.mktemp("redis")) as server:
        yield server


@pytest.fixture(scope="module")
def watched(
    watched_broker: Simulator, watched_redis: RedisServer, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Deployment]:
    program("prometheus")
    folder = tmp_path_factory.mktemp("watched")
    environment = {
        "DATABASE_URL": f"sqlite:///{folder}/site.sqlite3",
        "REDIS_URL": watched_redis.url,
        "IIFL_BASE_URL": watched_broker.base_url,
        "CACHE_TTL_HOLDINGS": "1",
    }
    token = prepare(environment)
    with WebServer(folder, environment, workers=2) as server:
        yield Deployment(server, token, environment)


@pytest.fixture(scope="module")
def firing(watched: Deployment, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[], set[str]]]:
    """The alerts that fire now, by a Prometheus with our rules, in a hurry."""
    folder, port = tmp_path_factory.mktemp("prometheus"), free_port()
    rules = re.sub(r"for: \d+m", "for: 1s", (INFRA / "alerts.yml").read_text())
    (folder / "alerts.yml").write_text(re.sub(r"\[\d+m\]", "[8s]", rules))
    (folder / "token").write_text(watched.token)
    config = yaml.safe_load((INFRA / "prometheus.yml").read_text())
    config["global"] = {"scrape_interval": "1s", "evaluation_interval": "1s"}
    config["scrape_configs"][0]["authorization"]["credentials_file"] = str(folder / "token")
    config["scrape_configs"][0]["static_configs"][0]["targets"] = [watched.url.removeprefix("http://")]
    (folder / "prometheus.yml").write_text(yaml.safe_dump(config))
    address = f"http://127.0.0.1:{port}"
    command = [
        program("prometheus"),
        *(f"--config.file={folder}/prometheus.yml", f"--storage.tsdb.path={folder}/data"),
        f"--web.listen-address=127.0.0.1:{port}",
    ]
    with Program(command, log=folder / "log", cwd=folder, environment={}) as prometheus:
        prometheus.wait_until(lambda: _is_scraped(address))

        def ask() -> set[str]:
            answer = requests.get(f"{address}/api/v1/alerts", timeout=10).json()
            return {alert["labels"]["alertname"] for alert in answer["data"]["alerts"] if alert["state"] == "firing"}

        yield ask


def _is_scraped(address: str) -> bool:
    try:
        answer = requests.get(f"{address}/api/v1/query", params={"query": "cache_redis_up"}, timeout=10)
    except requests.ConnectionError:
        return False
    return answer.ok and [row["value"][1] for row in answer.json()["data"]["result"]] == ["1"]


@pytest.mark.slow
@only_linux
@pytest.mark.timeout(180)
def test_the_start_of_a_site_is_marked_once_however_many_workers_it_has(
    watched: Deployment, watched_redis: RedisServer
) -> None:
    with Redis.from_url(watched_redis.url) as redis:

        def marked() -> list[str]:
            names = cast("list[bytes]", redis.hkeys("marks:iifl:SIM0001"))
            return sorted(name.decode().split()[0] for name in names)

        eventually(lambda: "site" in marked())  # each worker says so with its next counts
        time.sleep(1.5)  # both have said so by now
        assert marked() == ["Redis", "site"]


@pytest.mark.slow
@only_linux
@pytest.mark.timeout(180)
def test_a_hung_redis_is_an_alert_until_it_is_back(
    watched: Deployment, firing: Callable[[], set[str]], watched_redis: RedisServer
) -> None:
    assert "CacheBreakerOpen" not in firing()
    watched_redis.pause()
    try:
        eventually(lambda: "CacheBreakerOpen" in firing(), PATIENCE)
        assert watched.get("/api/settings").headers["X-Cache"] == "bypass"
    finally:
        watched_redis.resume()
    eventually(lambda: "CacheBreakerOpen" not in firing(), PATIENCE)


@pytest.mark.slow
@only_linux
@pytest.mark.timeout(180)
def test_stale_values_are_an_alert_until_their_source_is_back(
    watched: Deployment, firing: Callable[[], set[str]], watched_broker: Simulator
) -> None:
    eventually(lambda: watched.get("/api/broker/holdings").headers.get("X-Cache") in ("hit", "miss"), PATIENCE)
    assert "CacheStaleServed" not in firing()
    watched_broker.fail("holdings", "500")
    try:
        # A worker that has only just lost its Redis has no older value to show.
        eventually(lambda: watched.get("/api/broker/holdings").headers.get("X-Cache") == "stale", PATIENCE)
        eventually(lambda: bool(watched.get("/api/broker/holdings") and "CacheStaleServed" in firing()), PATIENCE)
    finally:
        watched_broker.clear_faults()
    eventually(lambda: "CacheStaleServed" not in firing(), PATIENCE)
