"""Jobs that tests run in other processes."""

import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from rater.errors import ModelError


@dataclass(frozen=True)
class Square:
    """A job that squares numbers; each worker adds a line to a file when it is made."""

    made: Path
    seconds: float = 0.0

    def __call__(self) -> Callable[[int], int]:
        with self.made.open("a") as file:
            file.write(f"{os.getpid()}\n")

        def square(number: int) -> int:
            time.sleep(self.seconds)
            return number * number

        return square


def refuse() -> Callable[[int], int]:
    """A job whose tasks are refused."""

    def refused(number: int) -> int:
        message = f"number is {number}; valid: none"
        raise ModelError(message)

    return refused


def fail() -> Callable[[int], int]:
    """A job whose tasks have a bug."""
    return lambda number: 1 // (number - number)


def die() -> Callable[[int], int]:
    """A job whose tasks end their process, as the system does where memory runs out."""

    def ended(number: int) -> int:
        os._exit(number)

    return ended
