"""The alerts and the dashboard in `deploy/monitoring` are valid, and name metrics and pages that exist."""

import json
import re
import subprocess
from pathlib import Path

import pytest
import yaml  # type: ignore[import-untyped] # it has no types
from flask.testing import FlaskClient

from tests.serving.programs import find_program

MONITORING = Path(__file__).resolve().parents[2] / "deploy" / "monitoring"


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


@pytest.mark.parametrize("word", ["study", "arm=", "rater_id", "slug"])
def test_nothing_is_asked_by_study_rater_or_arm(word: str) -> None:
    assert not [query for query in queries() if word in query]
