"""`rater try`: try a vector on a text in the browser."""

import click

from rater.cli.model import device_option, dtype_option, load_model
from rater.embedded_model import EMBEDDED_MODEL


@click.command(name="try", short_help="Try a vector on a text in the browser.")
@click.argument("model", default=EMBEDDED_MODEL, metavar="[MODEL]")
@click.option(
    "--port", default=0, type=click.IntRange(0, 65535), show_default="a free one", help="Port on 127.0.0.1."
)
@click.option("--open", "open_browser", is_flag=True, help="Open the page in the default browser.")
@device_option
@dtype_option
def try_(model: str, port: int, device: str | None, dtype: str | None, *, open_browser: bool) -> None:
    """Open a local page to try an x-vector on a text: effect on each token, norms, next tokens, completions.

    MODEL is a name as in a study's `model`; by default the embedded model. The page is for you alone: it
    listens on 127.0.0.1, its address has a random token, and nothing is stored. It shows which text is
    steered, so do not show it to raters. Stop it with Ctrl-C.

    \b
    Example: rater try
    Example: rater try gpt2-xl --device cuda
    """
    loaded = load_model(model, device, dtype)
    from rater.explore.server import serve_explorer

    def show(address: str) -> None:
        click.echo(f"The page is at {address}\nStop with Ctrl-C.")
        if open_browser:
            import webbrowser

            webbrowser.open(address)

    serve_explorer(loaded, port=port, on_ready=show)
