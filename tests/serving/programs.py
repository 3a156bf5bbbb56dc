"""Start real servers for tests: proxies, Redis, and `rater serve`, each on a free port."""

import contextlib
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

DOCS = Path(__file__).resolve().parents[2] / "docs" / "how-to"
_PATH = f"{os.environ.get('PATH', '')}:/usr/sbin"
_START_S = 60.0
_APACHE_MODULES = ("mpm_event", "authz_core", "proxy", "proxy_http", "headers")


def find_program(name: str) -> str:
    """Return the path of a program; skip the test if it is missing and cannot be installed with apt-get."""
    path = shutil.which(name, path=_PATH)
    if path is not None:
        return path
    if shutil.which("apt-get"):
        pytest.fail(f"{name} is missing; run tests/serving/install-servers.sh")
    pytest.skip(f"needs {name}")


def free_port() -> int:
    """Return a port that was free a moment ago."""
    with contextlib.closing(socket.socket()) as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def accepts(port: int) -> bool:
    """Return whether a server of this machine accepts connections at a port."""
    with contextlib.closing(socket.socket()) as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def shown_block(page: str, heading: str) -> str:
    """Return the first code block under a heading of a guide, without the indentation of its fence."""
    text = (DOCS / page).read_text(encoding="utf-8")
    found = re.search(rf"^{re.escape(heading)}.*?^```\w+\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    assert found is not None, f"{page} has no block under {heading!r}"
    return found[1]


@contextlib.contextmanager
def running(
    command: Sequence[str | Path], port: int, folder: Path, environ: dict[str, str] | None = None
) -> Iterator["subprocess.Popen[str]"]:
    """Run a server in a process group of its own until the end of a block; starts when it listens."""
    log = folder / f"{Path(command[0]).name}-{port}.log"
    with log.open("a") as file:
        process = subprocess.Popen(
            command, stdout=file, stderr=subprocess.STDOUT, text=True, env=environ, start_new_session=True
        )
    try:
        deadline = time.monotonic() + _START_S
        while not accepts(port):
            assert process.poll() is None, log.read_text()
            assert time.monotonic() < deadline, log.read_text()
            time.sleep(0.05)
        yield process
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


@contextlib.contextmanager
def serving(
    url: str, folder: Path, *options: str, port: int | None = None
) -> Iterator[tuple[int, "subprocess.Popen[str]"]]:
    """Run `rater serve` behind one proxy; yields its port and its process."""
    port = port or free_port()
    environ = {name: value for name, value in os.environ.items() if not name.startswith("RATER_")}
    command = [
        *(sys.executable, "-m", "rater", "serve", "--port", str(port), "--proxies", "1", "--ratings", url),
        *options,
    ]
    with running(command, port, folder, environ) as process:
        yield port, process


@contextlib.contextmanager
def redis(folder: Path) -> Iterator[tuple[str, "subprocess.Popen[str]"]]:
    """Run Redis; yields its URL and its process."""
    port = free_port()
    options = ("--port", str(port), "--bind", "127.0.0.1", "--save", "", "--dir", str(folder))
    with running([find_program("redis-server"), *options], port, folder) as process:
        yield f"redis://127.0.0.1:{port}", process


@dataclass(frozen=True)
class Proxy:
    """A proxy that runs."""

    port: int

    @property
    def origin(self) -> str:
        """The scheme, host and port that a browser sees."""
        return f"http://127.0.0.1:{self.port}"


@contextlib.contextmanager
def proxy(kind: str, block: str, folder: Path) -> Iterator[Proxy]:
    """Run a proxy with a block of a guide, in which addresses are those of this test.

    Args:
        kind: nginx, apache, haproxy or caddy.
        block: The block; it listens at a free port instead of the one that it names.
        folder: An empty folder for its files.
    """
    port = free_port()
    make = {"nginx": _nginx, "apache": _apache, "haproxy": _haproxy, "caddy": _caddy}[kind]
    with running(make(block, port, folder), port, folder, _environ(folder)):
        yield Proxy(port)


def _environ(folder: Path) -> dict[str, str]:
    return {**os.environ, "HOME": str(folder), "XDG_DATA_HOME": str(folder), "XDG_CONFIG_HOME": str(folder)}


def _nginx(block: str, port: int, folder: Path) -> list[str]:
    listen = f"listen 127.0.0.1:{port};"
    block = block.replace("listen 443 ssl;", listen)
    if "server {" not in block:
        block = f"server {{ {listen} {block} }}"
    paths = "".join(
        f"{name}_temp_path {folder}/{name};" for name in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    user = "user root;" if os.getuid() == 0 else ""
    config = folder / "nginx.conf"
    config.write_text(
        f"{user} daemon off; pid {folder}/nginx.pid; error_log stderr; events {{}}\n"
        f"http {{ access_log off; {paths}\n{block}\n}}\n"
    )
    return [find_program("nginx"), "-p", str(folder), "-e", "stderr", "-c", str(config)]


def _apache(block: str, port: int, folder: Path) -> list[str]:
    program = find_program("apache2")
    modules = "".join(
        f"LoadModule {name}_module /usr/lib/apache2/modules/mod_{name}.so\n" for name in _APACHE_MODULES
    )
    config = folder / "apache.conf"
    config.write_text(
        f"ServerRoot {folder}\nDefaultRuntimeDir {folder}\nPidFile pid\nErrorLog error.log\n"
        f"{modules}ServerName 127.0.0.1\nUser www-data\nGroup www-data\nListen 127.0.0.1:{port}\n"
        f"<VirtualHost *:{port}>\n{block}\n</VirtualHost>\n"
    )
    return [program, "-f", str(config), "-D", "FOREGROUND"]


def _haproxy(block: str, port: int, folder: Path) -> list[str]:
    config = folder / "haproxy.cfg"
    block = re.sub(r"bind :443 .*", f"bind 127.0.0.1:{port}", block)
    config.write_text(
        "global\n    maxconn 1000\n"
        "defaults\n    timeout connect 2s\n    timeout client 30s\n    timeout server 30s\n\n" + block
    )
    return [find_program("haproxy"), "-db", "-f", str(config)]


def _caddy(block: str, port: int, folder: Path) -> list[str]:
    config = folder / "Caddyfile"
    site = re.sub(r"^\S+ \{", f"http://127.0.0.1:{port} {{", block, count=1, flags=re.MULTILINE)
    config.write_text(f"{{\n    admin off\n    auto_https off\n}}\n\n{site}")
    return [find_program("caddy"), "run", "--config", str(config), "--adapter", "caddyfile"]
