"""Hold what is in `deploy/` to what `rater serve` takes."""

import re
import shlex
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml  # type: ignore[import-untyped] # it has no types
from sqlalchemy import make_url

from rater.cli import cli
from rater.cli.serve import serve

DEPLOY = Path(__file__).resolve().parent.parent / "deploy"
APPS = ["app1", "app2"]
UNITS = ["rater.service", "rater-backup.service"]
VARIABLES = {str(option.envvar) for option in serve.params if option.envvar}


def test_every_variable_that_the_app_is_given_is_one_that_it_reads() -> None:
    services = yaml.safe_load((DEPLOY / "compose.yaml").read_text())["services"]
    in_image = set(re.findall(r"\b(RATER_\w+)=", (DEPLOY / "Dockerfile").read_text()))

    for name in APPS:
        assert set(services[name]["environment"]) <= VARIABLES
    assert in_image <= VARIABLES


def test_the_app_connects_as_the_role_that_is_granted_and_not_as_the_owner_of_the_database() -> None:
    services = yaml.safe_load((DEPLOY / "compose.yaml").read_text())["services"]
    owner = services["db"]["environment"]["POSTGRES_USER"]
    granted = re.search(r"rater db grant (\w+)", str(services["prepare"]["command"]))

    assert granted is not None
    for name in APPS:
        url = services[name]["environment"]["RATER_DATABASE"]
        app = make_url(url.replace("${RATER_WEB_PASSWORD:?see example.env}", "x"))
        assert app.username == granted[1] != owner
        assert "RATER_DB_PASSWORD" not in str(services[name])
        assert services[name]["depends_on"]["prepare"]["condition"] == "service_completed_successfully"


def test_compose_lets_a_server_drain_and_finish_its_requests() -> None:
    services = yaml.safe_load((DEPLOY / "compose.yaml").read_text())["services"]
    [drain] = [option for option in serve.params if option.name == "drain_s"]
    caddyfile = (DEPLOY / "Caddyfile").read_text()

    for name in APPS:
        assert int(services[name]["stop_grace_period"].removesuffix("s")) > int(str(drain.default)) + 10
        assert f"{name}:8000" in caddyfile
    assert "health_uri /readyz" in caddyfile


def test_every_variable_to_fill_in_is_in_the_example() -> None:
    wanted = set(re.findall(r"\$\{(\w+)[:}]", (DEPLOY / "compose.yaml").read_text()))
    offered = set(re.findall(r"^(\w+)=", (DEPLOY / "example.env").read_text(), re.MULTILINE))

    assert wanted == offered


@pytest.mark.parametrize("file", ["rater.service", "rater-backup.service", "compose.yaml", "Dockerfile"])
def test_every_command_is_one_that_there_is(file: str) -> None:
    written = (DEPLOY / file).read_text().replace('", "', " ")
    verbs = "|".join(cli.commands)
    before = r"(?:^\$ |exec |bin/|\[\"|app |&& )"
    commands = re.findall(rf"{before}rater ((?:{verbs}) [^#\n\"'\]]*)", written, re.MULTILINE)

    assert commands
    for command in commands:
        name, *arguments = shlex.split(command)
        context = cli.commands[name].make_context(name, arguments, resilient_parsing=True)
        assert context.params is not None


@pytest.mark.parametrize("name", UNITS)
def test_the_units_are_ones_that_systemd_takes(tmp_path: Path, name: str) -> None:
    unit = tmp_path / name
    unit.write_text((DEPLOY / name).read_text().replace("/opt/rater/bin/rater", "/bin/true"))
    try:
        checked = subprocess.run(
            ["systemd-analyze", "verify", str(unit)], capture_output=True, text=True, check=False
        )
    except FileNotFoundError:  # no systemd on this machine: nothing else reads a unit as it does
        sections = re.findall(r"^\[(\w+)\]$", unit.read_text(), re.MULTILINE)
        assert sections == ["Unit", "Service", "Install"]
        return

    assert (checked.returncode, checked.stderr) == (0, "")


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="needs systemd-analyze")
@pytest.mark.parametrize("name", UNITS)
def test_the_units_are_exposed_to_little(name: str) -> None:
    options = ("--offline=yes", "--no-pager", "--threshold=15")  # 1.5 of 10; a unit without settings has 9.6

    checked = subprocess.run(
        ["systemd-analyze", "security", *options, str(DEPLOY / name)],
        capture_output=True,
        text=True,
        check=False,
    )

    assert checked.returncode == 0, checked.stdout + checked.stderr
