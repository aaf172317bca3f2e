"""Filling what is known of a model into the text of a program."""

import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

_FOLDER = Path(__file__).with_name("templates")
_PLACE = re.compile("__([A-Z_]+?)__")
_MAX_LINE_LENGTH = 100


def fill_template(name: str, values: Mapping[str, str]) -> str:
    """The text of a template with values in place of their names.

    Args:
        name: File of the template.
        values: By their names, which stand in the template as `__NAME__`.
    """
    text = (_FOLDER / name).read_text(encoding="utf-8")
    # All at once: a value, such as the name of a class, may look like the name of another one.
    return _PLACE.sub(lambda place: values[place.group(1)], text)


def fill_lines(items: Sequence[str], quote: Callable[[str], str]) -> str:
    """Items of a list in a program, as many on each indented line as fit; without a comma behind the last one.

    Args:
        items: The items.
        quote: Makes a literal of one.
    """
    indent = "    "
    lines = [indent]
    for number, item in enumerate(items, start=1):
        word = quote(item)
        if number < len(items):
            word += ","
        is_first = lines[-1] == indent
        if not is_first and len(lines[-1]) + 1 + len(word) > _MAX_LINE_LENGTH:
            lines.append(indent)
            is_first = True
        lines[-1] += word if is_first else f" {word}"
    return "\n".join(lines)
