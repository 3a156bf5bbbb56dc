"""Measure a page's time while connections ask for many replies and read none, without a proxy in front.

A proxy that buffers (nginx, Caddy) hides such clients from the server. Without one, a reply that nobody reads
fills the socket's buffers, and a server whose thread writes it would wait. The script prints the time of a
page without such connections and with more and more of them; it asserts nothing.

The loopback device's large packets hide the problem; a network namespace can have the internet's packet size:

    ip netns add slow && ip netns exec slow ip link set lo up mtu 1500
    ip netns exec slow python tests/load/slow_readers.py --connections 8 --requests 100

Measured there with two workers: a page takes 0.01 s with 8 and with 64 such connections. (With gunicorn's
threaded worker it took more than 40 s with 8.)
"""

import argparse
import re
import socket
import subprocess
import sys
import tempfile
import time
from contextlib import ExitStack, suppress
from pathlib import Path
from urllib.parse import urlsplit
from urllib.request import urlopen

from rater.server_process import serving

STUDY = "external_completions"
TIMEOUT_S = 40.0


def main() -> None:
    """Serve a small study and print a row for each number of connections."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--connections", type=int, nargs="+", default=[8, 16])
    parser.add_argument(
        "--requests", type=int, default=600, help="Requests that each connection sends at once."
    )
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="rater-load-") as folder:
        rating_url = _publish(Path(folder))
        with serving(rating_url, Path(folder)) as address:
            style = _style(address)
            print(f"{'connections':>12}{'page, s':>10}")
            print(f"{0:>12}{_page_s(address):>10}")
            for n in options.connections:
                with ExitStack() as held:
                    for _ in range(n):
                        held.enter_context(_slow_reader(address, style, options.requests))
                    time.sleep(1)
                    print(f"{n:>12}{_page_s(address):>10}", flush=True)


def _publish(folder: Path) -> str:
    """Publish a template whose texts come from a file; return its rating database."""
    for command in (["new", STUDY, "--template", STUDY], ["generate", f"{STUDY}.py"], ["publish", STUDY]):
        subprocess.run([sys.executable, "-m", "rater", *command], cwd=folder, check=True, capture_output=True)
    return f"sqlite:///{folder / 'rater-data' / 'rating.db'}"


def _style(address: str) -> str:
    with urlopen(f"{address}/", timeout=TIMEOUT_S) as page:  # noqa: S310 (our own server)
        found = re.search(r'href="([^"]+\.css[^"]*)"', page.read().decode())
    assert found is not None
    return urlsplit(found.group(1)).path


def _slow_reader(address: str, path: str, n_requests: int) -> socket.socket:
    """Open a connection with the smallest receive buffer that sends requests and never reads."""
    place = urlsplit(address)
    reader = socket.socket()
    reader.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1)
    reader.connect((place.hostname, place.port))
    reader.settimeout(0)
    request = f"GET {path} HTTP/1.1\r\nHost: {place.netloc}\r\n\r\n".encode()
    with suppress(BlockingIOError):
        reader.send(request * n_requests)
    return reader


def _page_s(address: str) -> str:
    begun = time.monotonic()
    try:
        with urlopen(f"{address}/", timeout=TIMEOUT_S) as page:  # noqa: S310 (our own server)
            page.read()
    except OSError:
        return f"> {TIMEOUT_S:.0f}"
    return f"{time.monotonic() - begun:.2f}"


if __name__ == "__main__":
    main()
