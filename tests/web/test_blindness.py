"""The web process loads nothing that could unblind it and opens one database: checked from inside one."""

import json
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import pytest

WALK = """
import json, re, sys

opened = []
sys.addaudithook(lambda event, args: opened.append(str(args[0])) if event == "sqlite3.connect" else None)

from rater.web.app import create_app
from rater.web.settings import WebSettings, running

url, slug = sys.argv[1:]
app = create_app(WebSettings(url))
client = app.test_client()
base = f"/s/{slug}"
seen = []


def get(path):
    page = client.get(base + path)
    seen.append(page.status_code)
    return dict(re.findall(r'name="(token|submission_id)" value="([^"]+)"', page.text))


def post(path, **form):
    seen.append(client.post(base + path, data=form).status_code)


get("")
agreed = {"decision": "agree", "token": get("/consent")["token"]}
seen.append(client.post(base + "/consent", data=agreed, follow_redirects=True).status_code)
get("/instructions")
post("/instructions")
for position in (1, 2, 3):
    form = {**get(f"/trial/{position}"), "answer.happiness": "3"}
    post(f"/trial/{position}", **form)
get("/finish")
post("/finish")
get("/thanks")
client.get("/healthz")
with app.app_context():
    running().engine.dispose()
print(json.dumps({"seen": seen, "opened": sorted(set(opened)), "modules": sorted(sys.modules)}))
"""
UNBLINDING = (
    "rater.analysis",
    "rater.generate",
    "rater.publish",
    "rater.report",
    "rater.steering",
    "rater.store.sealed",
    "rater.study.arms",
    "rater.study.design",
    "rater.study.study",
    "rater.unblind",
    "torch",
    "transformer_lens",
    "transformers",
)
HEAVY = ("alembic", "numpy", "pandas", "scipy", "rich")


@pytest.fixture
def walked(publish_study: Callable[..., str], rating_url: str) -> dict[str, Any]:
    """The modules and files that a process loaded and opened while it walked the whole app."""
    command = [sys.executable, "-W", "error", "-c", WALK, rating_url, publish_study()]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def test_the_web_process_loads_and_opens_nothing_that_could_unblind_it(
    walked: dict[str, Any], rating_url: str
) -> None:
    loaded = [
        module
        for module in walked["modules"]
        if any(module == name or module.startswith(f"{name}.") for name in (*UNBLINDING, *HEAVY))
    ]

    assert walked["seen"] == [200, 200, 200, 200, 303, 200, 303, 200, 303, 200, 303, 200, 303, 200]
    assert loaded == []
    assert walked["opened"] == [rating_url.removeprefix("sqlite:///")]
