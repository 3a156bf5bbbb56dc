"""Render a completion's Markdown: CommonMark with tables and fenced code.

Raw HTML is off. An image is replaced by its description and a link by its words, so that nothing is loaded
and nothing leads off the page. Headings keep the outline of the page: the first one is one level below the
page's own, and no level is skipped. Code and tables scroll inside the text, also with the keyboard.
"""

from collections.abc import Callable, MutableMapping, Sequence
from functools import lru_cache
from typing import Any

from markdown_it import MarkdownIt
from markdown_it.common.utils import escapeHtml
from markdown_it.renderer import RendererHTML
from markdown_it.token import Token
from markdown_it.tree import SyntaxTreeNode
from markdown_it.utils import OptionsDict
from markupsafe import Markup

from rater.sanitize import sanitize_for_display

_LOWEST_HEADING = 6
# signs that the audit does not take for Markdown or for characters beyond ASCII, which the page lacks
_BULLET, _BETWEEN_CELLS = "- ", "  "


@lru_cache(maxsize=1)
def parser() -> MarkdownIt:
    """Return the parser of completions."""
    made = MarkdownIt("commonmark", {"html": False}).enable("table")
    for name, rule in _RULES.items():
        made.add_render_rule(name, rule)
    return made


@lru_cache(maxsize=512)
def render_completion(source: str, *, heading: int = 2) -> Markup:
    """Render a completion.

    Args:
        source: The Markdown.
        heading: The level of its highest heading on the page, from 1 to 6.
    """
    tokens = parser().parse(sanitize_for_display(source))
    _level_headings(tokens, heading)
    # also after parsing: an entity such as &#x202e; becomes a character
    html = sanitize_for_display(parser().renderer.render(tokens, parser().options, {}))
    return Markup(html)  # noqa: S704 (the parser escapes all text, and raw HTML is off)


def _level_headings(tokens: Sequence[Token], first: int) -> None:
    """Give headings the levels of the page's outline; their look remains that of the author's level."""
    own = sorted({token.tag for token in tokens if token.type == "heading_open"})
    before = first - 1
    for token in tokens:
        if token.type == "heading_open":
            token.attrSet("class", f"heading-{token.tag[1:]}")
            before = min(first + own.index(token.tag), before + 1, _LOWEST_HEADING)
            token.tag = f"h{before}"
        elif token.type == "heading_close":
            token.tag = f"h{before}"


def count_forms(source: str) -> dict[str, int]:
    """Count the headings, list items, code blocks, tables, links, and bold or italic parts of a text."""
    tokens = parser().parse(source)
    inner = [child for token in tokens for child in token.children or ()]
    counts = dict.fromkeys(
        ("headings", "list items", "code blocks", "tables", "links", "bold or italic words"), 0
    )
    for token in (*tokens, *inner):
        name = _COUNTED.get(token.type)
        if name is not None:
            counts[name] += 1
    return counts


_COUNTED = {
    "heading_open": "headings",
    "list_item_open": "list items",
    "fence": "code blocks",
    "code_block": "code blocks",
    "table_open": "tables",
    "link_open": "links",
    "strong_open": "bold or italic words",
    "em_open": "bold or italic words",
}


def plain_text(source: str) -> str:
    """Return a completion as plain text, with bullets and numbers, and two spaces between cells."""
    return "\n".join(_lines_of(SyntaxTreeNode(parser().parse(source)))).strip("\n")


def _lines_of(node: SyntaxTreeNode) -> list[str]:
    if node.type == "inline":
        return _words_of(node).split("\n")
    if node.type in {"fence", "code_block"}:
        return node.content.rstrip("\n").split("\n")
    if node.type in {"bullet_list", "ordered_list"}:
        return _lines_of_list(node)
    if node.type == "table":
        rows = [row for part in node.children for row in part.children]
        return [_BETWEEN_CELLS.join(_words_of(cell) for cell in row.children) for row in rows]
    blocks = [_lines_of(child) for child in node.children]
    is_in_item = node.type == "list_item"
    return [line for block in blocks for line in (block if is_in_item else [*block, ""])][
        : None if is_in_item else -1
    ]


def _lines_of_list(node: SyntaxTreeNode) -> list[str]:
    first = int(node.attrs.get("start", 1)) if node.type == "ordered_list" else None
    lines: list[str] = []
    for number, item in enumerate(node.children):
        marker = _BULLET if first is None else f"{first + number}. "
        before, *after = _lines_of(item) or [""]
        lines += [marker + before, *(" " * len(marker) + line for line in after)]
    return lines


def _words_of(node: SyntaxTreeNode) -> str:
    """Return the words of a node, with the description of an image and the words of a link."""
    if node.type in {"softbreak", "hardbreak"}:
        return " " if node.type == "softbreak" else "\n"
    if node.children:
        return "".join(map(_words_of, node.children))
    return node.content if node.type in {"text", "code_inline", "image"} else ""


# The rules of the renderer; their arguments are those of markdown-it.


def _link_open(_renderer: RendererHTML, _tokens: Sequence[Token], _index: int, *_: object) -> str:
    return '<span class="weblink">'


def _link_close(_renderer: RendererHTML, _tokens: Sequence[Token], _index: int, *_: object) -> str:
    return "</span>"


def _image(  # noqa: PLR0917 (markdown-it's interface)
    renderer: RendererHTML,
    tokens: Sequence[Token],
    index: int,
    options: OptionsDict,
    env: MutableMapping[str, Any],
) -> str:
    return str(escapeHtml(renderer.renderInlineAsText(tokens[index].children, options, env)))


def _code(_renderer: RendererHTML, tokens: Sequence[Token], index: int, *_: object) -> str:
    # without the name of the language, which a page would have to escape in an attribute
    return f'<pre class="code" tabindex="0"><code>{escapeHtml(tokens[index].content)}</code></pre>\n'


def _table_open(*given: Any) -> str:
    return '<div class="table" tabindex="0">' + RendererHTML.renderToken(*given)


def _table_close(*given: Any) -> str:
    return RendererHTML.renderToken(*given) + "</div>"


def _cell_open(*given: Any) -> str:
    _, tokens, index, *_ = given
    # the library aligns a column by a style, which the security policy of the pages refuses
    style = str(tokens[index].attrs.pop("style", "")).removeprefix("text-align:")
    if style in {"center", "right"}:
        tokens[index].attrSet("class", style)
    return RendererHTML.renderToken(*given)


_RULES: dict[str, Callable[..., str]] = {
    "link_open": _link_open,
    "link_close": _link_close,
    "image": _image,
    "fence": _code,
    "code_block": _code,
    "table_open": _table_open,
    "table_close": _table_close,
    "th_open": _cell_open,
    "td_open": _cell_open,
}
