"""Serve the page of `rater try` on this machine until it is stopped."""

import secrets
from collections.abc import Callable
from functools import partial

from transformer_lens.model_bridge import TransformerBridge
from werkzeug.serving import BaseWSGIServer, WSGIRequestHandler, make_server

from rater.errors import StateError
from rater.explore.app import ModelFacts, create_app
from rater.explore.measure import run
from rater.steering.bridge import model_name, n_layers

_ADDRESS = "127.0.0.1"


class _QuietHandler(WSGIRequestHandler):
    """Writes no line for each request, which would contain the token and the texts."""

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        pass


def make_explorer(model: TransformerBridge, *, port: int = 0) -> tuple[BaseWSGIServer, str]:
    """Return a server of the page, which listens but does not serve yet, and its address with the token.

    Args:
        model: The model; the server runs one run at a time on it.
        port: The port; 0 for a free one.

    Raises:
        StateError: the port cannot be used.
    """
    token = secrets.token_urlsafe(24)
    hosts: set[str] = set()
    facts = ModelFacts(name=model_name(model), n_layers=n_layers(model))
    app = create_app(facts, partial(run, model), token=token, hosts=lambda: hosts)
    try:
        server = make_server(_ADDRESS, port, app, threaded=True, request_handler=_QuietHandler)
    except (OSError, SystemExit) as error:  # werkzeug exits where the port is taken
        msg = f"The port {port} of {_ADDRESS} cannot be used; valid: another --port, or 0 for a free one."
        raise StateError(msg) from error
    hosts.update({f"{_ADDRESS}:{server.port}", f"localhost:{server.port}"})
    return server, f"http://{_ADDRESS}:{server.port}/{token}/"


def serve_explorer(model: TransformerBridge, *, port: int, on_ready: Callable[[str], None]) -> None:
    """Serve the page until Ctrl-C.

    Args:
        model: The model.
        port: The port; 0 for a free one.
        on_ready: Called with the address.

    Raises:
        StateError: the port cannot be used.
    """
    server, address = make_explorer(model, port=port)
    on_ready(address)
    try:
        server.serve_forever()
    except KeyboardInterrupt:
        pass
    finally:
        server.server_close()
