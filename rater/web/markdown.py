"""Turn a study's Markdown into HTML: CommonMark without raw HTML and without images."""

from collections.abc import MutableMapping, Sequence
from functools import lru_cache
from typing import Any

from markdown_it import MarkdownIt
from markdown_it.renderer import RendererHTML
from markdown_it.token import Token
from markdown_it.utils import OptionsDict
from markupsafe import Markup

from rater.sanitize import sanitize_for_display


@lru_cache(maxsize=64)
def render_markdown(source: str) -> Markup:
    """Render a study's text; links open in a new tab, so that raters keep their page.

    Headings come one level lower, since the page has its own first. An image is replaced by its description:
    one from another site would report to it who rates.
    """
    parser = MarkdownIt("commonmark", {"html": False})
    parser.add_render_rule("link_open", _open_link)
    parser.add_render_rule("image", _describe_image)
    tokens = parser.parse(source)
    for token in tokens:
        if token.type in {"heading_open", "heading_close"}:
            token.tag = f"h{min(int(token.tag[1:]) + 1, 6)}"
    html = sanitize_for_display(parser.renderer.render(tokens, parser.options, {}))
    return Markup(html)  # noqa: S704 (the parser escapes all text, and raw HTML is off)


def _open_link(
    renderer: RendererHTML,
    tokens: Sequence[Token],
    index: int,
    options: OptionsDict,
    _env: MutableMapping[str, Any],
) -> str:
    tokens[index].attrSet("rel", "noopener noreferrer")
    tokens[index].attrSet("target", "_blank")
    return renderer.renderToken(tokens, index, options, _env)


def _describe_image(  # noqa: PLR0917 (markdown-it's interface)
    renderer: RendererHTML,
    tokens: Sequence[Token],
    index: int,
    options: OptionsDict,
    env: MutableMapping[str, Any],
) -> str:
    described = renderer.renderInlineAsText(tokens[index].children, options, env)
    return str(Markup.escape(described))
