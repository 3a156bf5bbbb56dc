"""`rater new`: write a study file from a template."""

import shlex
from pathlib import Path

import click

_DEFAULT = "love_vs_hate"


@click.command(short_help="Write a study file from a template.")
@click.argument("name", required=False)
@click.option("--template", default=_DEFAULT, show_default=True, help="The template to start from.")
@click.option("--list", "is_list", is_flag=True, help="List the templates and exit.")
def new(name: str | None, template: str, *, is_list: bool) -> None:
    """Write NAME.py, a complete study file to edit. NAME may also be a path such as experiments/mine.py.

    \b
    Example: rater new mine --template pairwise
    Example: rater new --list
    """
    from rater.study.templates import list_templates, write_study

    if is_list:
        _print_templates([(each.name, each.summary) for each in list_templates()])
        return
    if name is None:
        msg = (
            "Missing name of the new study, such as: rater new mine. For the templates run: rater new --list"
        )
        raise click.UsageError(msg)
    path = Path(name) if name.endswith(".py") else Path(f"{name}.py")
    for file in write_study(path, template):
        click.echo(f"Written: {file}")
    quoted = shlex.quote(str(path))
    click.echo(f"Next: edit {quoted}, then rater check {quoted}")


def _print_templates(templates: list[tuple[str, str]]) -> None:
    from rich import box
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False)
    for heading in ("template", "purpose"):
        table.add_column(heading, overflow="fold", no_wrap=heading == "template")
    for each, summary in templates:
        table.add_row(Text(each), Text(summary))
    Console().print(table)
