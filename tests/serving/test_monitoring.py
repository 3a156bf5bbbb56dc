"""The alerts and the dashboard in `deploy/monitoring` are valid, and name metrics and pages that exist."""

import contextlib
import json
import os
import re
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml  # type: ignore[import-untyped] # it has no types
from flask.testing import FlaskClient

from tests.serving.programs import find_program, free_port, running, serving

MONITORING = Path(__file__).resolve().parents[2] / "deploy" / "monitoring"
TOKEN = "sesame-of-the-test"  # noqa: S105 (a test's)
PATIENCE_S = 90


def queries() -> list[str]:
    """The queries of all alerts and panels."""
    groups = yaml.safe_load((MONITORING / "alerts.yaml").read_text())["groups"]
    alerts = [rule["expr"] for group in groups for rule in group["rules"]]
    panels = json.loads((MONITORING / "grafana-dashboard.json").read_text())["panels"]
    return alerts + [target["expr"] for panel in panels for target in panel["targets"]]


def promtool(*arguments: str | Path) -> None:
    done = subprocess.run(
        [find_program("promtool"), *arguments], cwd=MONITORING, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_each_alert_is_raised_when_it_should_be_and_not_otherwise() -> None:
    promtool("check", "rules", "alerts.yaml")
    promtool("test", "rules", "alerts_test.yaml")


def test_the_scraped_machines_are_those_of_compose(tmp_path: Path) -> None:
    config = yaml.safe_load((MONITORING / "prometheus.yaml").read_text())
    services = yaml.safe_load((MONITORING.parent / "compose.yaml").read_text())["services"]
    (tmp_path / "alerts.yaml").write_text((MONITORING / "alerts.yaml").read_text())
    token = tmp_path / "token"
    token.write_text("sesame")
    [job] = config["scrape_configs"]
    job["authorization"]["credentials_file"] = str(token)
    (tmp_path / "prometheus.yaml").write_text(yaml.safe_dump(config))

    promtool("check", "config", tmp_path / "prometheus.yaml")

    [group] = job["static_configs"]
    assert group["targets"] == [f"{name}:8000" for name in services if name.startswith("app")]


def test_the_dashboards_queries_are_valid(tmp_path: Path) -> None:
    rules = [
        {"record": f"panel:{number}", "expr": query.replace("$__rate_interval", "1m")}
        for number, query in enumerate(queries())
    ]
    path = tmp_path / "rules.yaml"
    path.write_text(yaml.safe_dump({"groups": [{"name": "panels", "rules": rules}]}))

    promtool("check", "rules", path)


def test_every_metric_and_page_that_is_asked_for_exists(client: FlaskClient, slug: str) -> None:
    client.get(f"/s/{slug}")
    metrics = set(re.findall(r"^(rater_\w+)", client.get("/metrics").text, re.MULTILINE)) | {"up"}
    pages = {*client.application.view_functions, "access.check_login"}

    for query in queries():
        assert set(re.findall(r"\b(up|rater_\w+)\{", query)) <= metrics, query
        for matcher, page in re.findall(r'page(!?=~?)"([^"]+)"', query):
            assert any(re.fullmatch(page, each) for each in pages), (matcher, page)


@contextlib.contextmanager
def prometheus(folder: Path, target: int) -> Iterator[httpx.Client]:
    """Run Prometheus with the files of `deploy/monitoring`, each second, against a server of this machine."""
    config = yaml.safe_load((MONITORING / "prometheus.yaml").read_text())
    alerts = (MONITORING / "alerts.yaml").read_text().replace("for: 1m\n", "for: 2s\n")
    (folder / "alerts.yaml").write_text(alerts)
    (folder / "token").write_text(TOKEN)
    config["global"] = {"scrape_interval": "1s", "evaluation_interval": "1s"}
    [job] = config["scrape_configs"]
    job["authorization"]["credentials_file"] = str(folder / "token")
    job["static_configs"] = [{"targets": [f"127.0.0.1:{target}"]}]
    (folder / "prometheus.yaml").write_text(yaml.safe_dump(config))
    port = free_port()
    command = [
        find_program("prometheus"),
        *(f"--config.file={folder / 'prometheus.yaml'}", f"--storage.tsdb.path={folder / 'data'}"),
        f"--web.listen-address=127.0.0.1:{port}",
    ]
    with (
        running(command, port, folder),
        httpx.Client(base_url=f"http://127.0.0.1:{port}/api/v1/", timeout=30) as client,
    ):
        yield client


def ask(client: httpx.Client, what: str, **parameters: str) -> Any:
    reply = client.get(what, params=parameters).json()
    assert reply["status"] == "success", reply
    return reply["data"]


def wait_for(condition: Callable[[], Any]) -> Any:
    deadline = time.monotonic() + PATIENCE_S
    while not (found := condition()):
        assert time.monotonic() < deadline
        time.sleep(0.3)
    return found


@pytest.mark.slow
def test_prometheus_reads_a_server_and_raises_an_alert_when_it_is_gone(
    rating_url: str, slug: str, tmp_path: Path
) -> None:
    with (
        serving(rating_url, tmp_path, "--metrics-token", TOKEN) as (port, server),
        prometheus(tmp_path, port) as client,
    ):
        wait_for(lambda: ask(client, "query", query='up{job="rater"} == 1')["result"])

        def visited() -> Any:
            httpx.get(f"http://127.0.0.1:{port}/s/{slug}", timeout=30)
            rate = 'sum(rate(rater_requests_total{job="rater", page=~"rater[.].*"}[1m])) > 0'
            return ask(client, "query", query=rate)["result"]

        wait_for(visited)
        for query in queries():
            ask(client, "query", query=query.replace("$__rate_interval", "1m"))
        rules = wait_for(lambda: evaluated(client))
        assert {"RaterDown", "RaterSlow"} <= rules
        assert "RaterDown" not in firing(client)

        os.killpg(server.pid, signal.SIGKILL)

        wait_for(lambda: "RaterDown" in firing(client))
        assert firing(client)["RaterDown"] == f"127.0.0.1:{port} does not answer."


def evaluated(client: httpx.Client) -> set[str]:
    """The names of all rules, when each was evaluated without an error."""
    rules = [rule for group in ask(client, "rules")["groups"] for rule in group["rules"]]
    return {rule["name"] for rule in rules} if all(rule["health"] == "ok" for rule in rules) else set()


def firing(client: httpx.Client) -> dict[str, str]:
    """The summaries of the alerts that are raised, by name."""
    alerts = ask(client, "alerts")["alerts"]
    return {
        each["labels"]["alertname"]: each["annotations"]["summary"]
        for each in alerts
        if each["state"] == "firing"
    }


@pytest.mark.parametrize("word", ["study", "arm=", "rater_id", "slug"])
def test_nothing_is_asked_by_study_rater_or_arm(word: str) -> None:
    assert not [query for query in queries() if word in query]
