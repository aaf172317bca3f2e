"""HTML from plain values: `element`, and tables made of it. Every text is escaped, whoever wrote it."""

import html
import json
from collections.abc import Iterable, Sequence
from typing import Any

# Elements that have no content and no end tag.
_WITHOUT_CONTENT = frozenset({"input", "meta"})

# Inside of a script only these could end it, or begin a comment.
_IN_SCRIPTS = {"<": "\\u003c", ">": "\\u003e", "&": "\\u0026", "\u2028": "\\u2028", "\u2029": "\\u2029"}


class Markup(str):
    """A piece of HTML, which is not escaped again."""

    __slots__ = ()


def escape(text: object) -> Markup:
    """A text as HTML; a piece of HTML as it is."""
    if isinstance(text, Markup):
        return text
    return Markup(html.escape(str(text)))


def join(pieces: Iterable[object]) -> Markup:
    """Texts and pieces of HTML, one after the other."""
    return Markup("".join(escape(piece) for piece in pieces))


def element(tag: str, *content: object, **attributes: object) -> Markup:
    """An element of HTML.

    Args:
        tag: Its tag.
        *content: Texts, which are escaped, and pieces of HTML.
        **attributes: Its attributes. `_` at the end of a name is left out (`class_`), others become `-` (`aria_label`).
            `True` makes one without a value; `None` and `False` make none.
    """
    words = [tag]
    for name, value in attributes.items():
        attribute = name.rstrip("_").replace("_", "-")
        if value is True:
            words.append(attribute)
        elif value is not None and value is not False:
            words.append(f'{attribute}="{html.escape(str(value))}"')
    start = f"<{' '.join(words)}>"
    if tag in _WITHOUT_CONTENT:
        return Markup(start)
    return Markup(f"{start}{join(content)}</{tag}>")


def make_table(caption: str, headings: Sequence[object], rows: Iterable[Sequence[object]]) -> Markup:
    """A table, whose first column names the rows. It scrolls by itself where the screen is too narrow for it.

    Args:
        caption: What it shows.
        headings: Of the columns.
        rows: The cells.
    """
    head = element("tr", *(element("th", heading, scope="col") for heading in headings))
    lines = []
    for first, *others in rows:
        cells = [element("th", first, scope="row")]
        cells += [element("td", cell) for cell in others]
        lines.append(element("tr", *cells))
    table = element(
        "table",
        element("caption", element("span", caption)),
        element("thead", head),
        element("tbody", *lines),
    )
    # What scrolls must be reached by keyboard, too.
    return element("div", table, class_="scrolls", tabindex=0, role="region", aria_label=caption)


def make_facts(facts: Iterable[tuple[object, object]]) -> Markup:
    """Names and values, one pair a line."""
    pairs = []
    for name, value in facts:
        pairs.append(element("div", element("dt", name), element("dd", value)))
    return element("dl", *pairs, class_="facts")


def make_command(command: str) -> Markup:
    """A command to paste into a shell."""
    return element("pre", element("code", command), tabindex=0, class_="command")


def embed_json(value: Any, **attributes: object) -> Markup:
    """Data for the page's script."""
    text = json.dumps(value, separators=(",", ":"), allow_nan=False)
    for letter, escaped in _IN_SCRIPTS.items():
        text = text.replace(letter, escaped)
    return element("script", Markup(text), type="application/json", **attributes)
