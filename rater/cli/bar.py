"""Show how far generation is: the tokens made, and the completions saved."""

import time
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rich.progress import Progress


def progress_bar() -> "Progress":
    """Make a progress bar on stderr, for a `Bar`."""
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

    return Progress(
        BarColumn(),
        TextColumn("{task.fields[n_kept]} of {task.fields[n_all]} completions saved"),
        TextColumn("{task.fields[rate]} tokens/s"),
        TimeRemainingColumn(),
        console=Console(stderr=True),
    )


class Bar:
    """Moves with the tokens made, and counts the completions saved: a batch of them ends nearly together."""

    def __init__(
        self, progress: "Progress", *, n_tokens: int, n_made: int, n_to_make: int, n_all: int
    ) -> None:
        self._progress = progress
        self._n_kept = n_made
        self._tokens = 0
        self._started = time.monotonic()
        fields: dict[str, Any] = {"n_kept": n_made, "n_all": n_all, "rate": "…"}
        total = (n_made + n_to_make) * n_tokens
        self._task = progress.add_task("", total=total, completed=n_made * n_tokens, **fields)
        self._length = n_tokens

    def on_tokens(self, n: int) -> None:
        """Take note of tokens made."""
        self._tokens += n
        rate = self._tokens / max(time.monotonic() - self._started, 1e-9)
        self._progress.update(self._task, advance=n, rate=f"{rate:.0f}")

    def on_completion(self, n_tokens: int) -> None:
        """Take note of a completion saved; one that ended early is as done as a long one."""
        self._n_kept += 1
        self._progress.update(self._task, advance=self._length - n_tokens, n_kept=self._n_kept)
