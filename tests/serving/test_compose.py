"""The parts of `deploy/compose.yaml` work together, each as a process of this machine and not a container."""

import contextlib
import os
import subprocess
import sys
from pathlib import Path

import httpx
import pytest
import yaml  # type: ignore[import-untyped] # it has no types
from sqlalchemy import URL, make_url, text

from tests.serving.programs import find_program, free_port, redis, running
from tests.store.conftest import _administering, postgresql

__all__ = ["postgresql"]

DEPLOY = Path(__file__).resolve().parents[2] / "deploy"

pytestmark = pytest.mark.slow


def test_two_servers_the_role_valkey_and_the_proxy_of_compose_serve_the_desk(
    postgresql: URL, tmp_path: Path
) -> None:
    services = yaml.safe_load((DEPLOY / "compose.yaml").read_text())["services"]
    owner = postgresql.set(database="compose").render_as_string(hide_password=False)
    with _administering(postgresql) as connection:
        connection.execute(text("CREATE DATABASE compose"))
    environ = {name: value for name, value in os.environ.items() if not name.startswith("RATER_")}
    environ["PATH"] = f"{Path(sys.executable).parent}:{environ['PATH']}"
    prepared = subprocess.run(
        services["prepare"]["command"],
        env={**environ, "RATER_DATABASE": owner, "RATER_WEB_PASSWORD": "test"},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert prepared.returncode == 0, prepared.stderr

    ports = {"app1": free_port(), "app2": free_port()}
    proxy_port = free_port()
    caddyfile = (DEPLOY / "Caddyfile").read_text()
    with contextlib.ExitStack() as stack:
        storage, _ = stack.enter_context(redis(tmp_path))
        for name, port in ports.items():
            declared = services[name]
            options = {
                variable: value for variable, value in declared["environment"].items() if "${" not in value
            }
            options |= {
                "RATER_DATABASE": make_url(owner)
                .set(username="rater_web", password="test")  # noqa: S106 (a test's)
                .render_as_string(hide_password=False),
                "RATER_LIMITS_STORAGE": storage,
                "RATER_PORT": str(port),
                "RATER_REPORTS": str(tmp_path),
                "RATER_HTTPS": "",  # Caddy has no certificate here
            }
            stack.enter_context(running(declared["command"], port, tmp_path, environ | options))
            caddyfile = caddyfile.replace(f"{name}:8000", f"127.0.0.1:{port}")
        config = tmp_path / "Caddyfile"
        config.write_text("{\n\tadmin off\n\tauto_https off\n}\n" + caddyfile)
        site = f"http://127.0.0.1:{proxy_port}"
        own = environ | {"RATER_DOMAIN": site, "HOME": str(tmp_path), "XDG_DATA_HOME": str(tmp_path)}
        caddy = [find_program("caddy"), "run", "--config", str(config), "--adapter", "caddyfile"]
        stack.enter_context(running(caddy, proxy_port, tmp_path, own))

        pages = {
            path: httpx.get(f"{site}{path}").status_code for path in ("/readyz", "/desk/login", "/metrics")
        }
        wrong = [
            httpx.post(
                f"{site}/desk/login", data={"name": "eve", "password": "x" * 12}, headers={"Origin": site}
            ).status_code
            for _ in range(12)
        ]

    assert pages == {"/readyz": 200, "/desk/login": 200, "/metrics": 404}
    assert wrong == [403] * 10 + [429] * 2
