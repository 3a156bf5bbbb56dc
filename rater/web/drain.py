"""Stop in two steps: report to a load balancer that no new requests should come, then stop.

On SIGTERM, ``/readyz`` answers 503 for some seconds while all other pages still work. A load balancer that
checks ``/readyz`` sends new requests to other servers meanwhile, so that none meets a server that has gone.
A second SIGTERM, or Ctrl-C, stops the server at once.
"""

import logging
import signal
import threading
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import cast

_log = logging.getLogger("rater.web")

_Handler = Callable[[int, FrameType | None], object]


def drain_on_sigterm(flag: Path, seconds: float) -> None:
    """Let SIGTERM create a file and stop the server some seconds later; must run in the main thread.

    A file and not a shared lock or event, since a worker that is killed while it holds the lock would block
    the signal's handler.

    Args:
        flag: The file that tells the workers (`WebSettings.drain_flag`); its folder exists.
        seconds: How long the server still answers requests.
    """
    stop = cast("_Handler", signal.getsignal(signal.SIGTERM))

    def drain(number: int, frame: FrameType | None) -> None:
        if flag.exists():
            stop(number, frame)
            return
        flag.touch()
        _log.info("The server stops in %g s; /readyz reports it.", seconds)
        timer = threading.Timer(seconds, stop, (number, frame))
        timer.daemon = True
        timer.start()

    signal.signal(signal.SIGTERM, drain)
