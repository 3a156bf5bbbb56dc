"""`rater explain`: define a term of the field, from the glossary that is installed with the package."""

import shutil
import textwrap

import click

_MAX_WIDTH = 100


@click.command(short_help="Define a term.")
@click.argument("term", nargs=-1)
def explain(term: tuple[str, ...]) -> None:
    """Define TERM, such as net superiority; without TERM, list all terms.

    \b
    Example: rater explain net superiority
    Example: rater explain
    """
    from rater.glossary import find_entry, read_glossary

    if not term:
        for entry in read_glossary():
            click.echo(entry.term)
        return
    entry = find_entry(" ".join(term))
    width = min(shutil.get_terminal_size().columns, _MAX_WIDTH)
    click.echo(f"{entry.heading}\n")
    click.echo(
        textwrap.fill(entry.definition_with_pages, width, break_long_words=False, break_on_hyphens=False)
    )
