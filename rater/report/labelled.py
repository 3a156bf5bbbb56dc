"""Small pieces of tables on the screen: labelled values, and names that fit."""

import re
from collections.abc import Iterable, Mapping

from rich.table import Table
from rich.text import Text


def labelled(lines: Iterable[tuple[str, str]]) -> Table:
    """Put values beside their labels, as texts in which no bracket is taken for markup."""
    table = Table(show_header=False, box=None, padding=(0, 2, 0, 0))
    table.add_column(style="bold", no_wrap=True)
    table.add_column()
    for label, value in lines:
        table.add_row(Text(label), Text(value))
    return table


def shorten_middle(text: str, width: int) -> str:
    """Shorten a text to a width by an ellipsis in its middle, since names often differ at their ends."""
    if len(text) <= width:
        return text
    if width < 3:
        return text[:width]
    head = (width - 1) // 2
    return f"{text[:head]}…{text[len(text) - (width - 1 - head) :]}"


_ID = re.compile(r"[0-9A-Za-z_-]{17,}")
_ID_CHARACTERS = 8


def short_ids(ids: Iterable[object]) -> Mapping[str, str]:
    """Map ids to what tables and figures call them: the first 8 characters of long ids, if these differ."""
    names = list(dict.fromkeys(map(str, ids)))
    short = {name: name[:_ID_CHARACTERS] if _ID.fullmatch(name) else name for name in names}
    return short if len(set(short.values())) == len(names) else {name: name for name in names}
