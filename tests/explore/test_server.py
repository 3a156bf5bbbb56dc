import http.client
import threading
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import pytest

from rater.errors import StateError
from rater.explore.server import make_explorer

if TYPE_CHECKING:
    from transformer_lens.model_bridge import TransformerBridge

pytestmark = pytest.mark.model


def test_the_server_listens_on_this_machine_only_and_each_time_under_another_token(
    embedded_model: "TransformerBridge",
) -> None:
    server, address = make_explorer(embedded_model)
    other, other_address = make_explorer(embedded_model)
    other.server_close()
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        place = urlsplit(address)
        connection = http.client.HTTPConnection("127.0.0.1", server.port)
        connection.request("GET", place.path)
        answer = connection.getresponse()
        shown = answer.read().decode()
        connection.close()
    finally:
        server.shutdown()
        thread.join()
        server.server_close()

    assert server.server_address[0] == "127.0.0.1"
    assert answer.status == 200
    assert "smollm2-135m-instruct" in shown
    assert len(place.path) > 30
    assert place.path != urlsplit(other_address).path


def test_a_port_in_use_is_refused(embedded_model: "TransformerBridge") -> None:
    server, _ = make_explorer(embedded_model)
    try:
        with pytest.raises(StateError, match=f"The port {server.port} of 127.0.0.1 cannot be used"):
            make_explorer(embedded_model, port=server.port)
    finally:
        server.server_close()
