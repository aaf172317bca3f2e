"""Keeps docs/troubleshooting.md true: every message that it explains is one that the code has.

The page quotes how messages begin, with values as a user may have given them. In the code a message is an
f-string; what stands between its braces may be anything.
"""

import ast
import functools
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest

from tests.support.documents import Document, programs
from tests.support.repository import ROOT

_PAGE = ROOT / "docs" / "troubleshooting.md"
_PREFIX = "error: "
_MIN_MESSAGES = 20

# Of a quoted message so many characters, and such a share of it, must be the code's own words, or any message would do.
_MIN_OWN_WORDS = 10
_MIN_SHARE_OF_OWN_WORDS = 0.2

# What nearly every message has does not count.
_RECEIVED = ". Received: "
_COMMON_WORDS = ("Expected ", " to be ", _RECEIVED)

# Messages that other programs word.
_FROM_ELSEWHERE = {
    "Unknown command line flag": "absl",
    "OOM when allocating tensor with shape": "TensorFlow",
    "Expected PYTHON to be Python 3.10 to 3.13": "the Makefile",
}

# The words of a message; between two of them stands a value.
Template = tuple[str, ...]


# --- messages of the code -----------------------------------------------------


@functools.cache
def _templates() -> frozenset[Template]:
    """All strings of the package and the programs."""
    files = [*(ROOT / "ofa_tf").rglob("*.py")]
    files += [ROOT / program for program in programs()]
    found: set[Template] = set()
    for path in files:
        found.update(_templates_in(path))
    return frozenset(found)


def _templates_in(path: Path) -> Iterator[Template]:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    for node in ast.walk(tree):
        if isinstance(node, ast.JoinedStr):
            yield _words_of(node)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield (node.value,)


def _words_of(text: ast.JoinedStr) -> Template:
    words = [""]
    for part in text.values:
        if isinstance(part, ast.Constant):
            words[-1] += str(part.value)
        else:
            words.append("")
    return tuple(words)


# --- comparing ------------------------------------------------------------------


def _own_words(message: str, template: Template) -> list[str]:
    """The words of a template that a message begins with; none if it does not begin so."""
    first, *others = template
    if first.startswith(message):
        return [message]
    if not message.startswith(first):
        return []
    rest = message[len(first) :]
    own = [first]
    for number, words in enumerate(others, start=1):
        place = rest.find(words)
        if place < 0:
            # The message ends here, in a value or in the middle of these words; no value looks like a whole message.
            begun = _overlap(rest, words)
            value = rest.removesuffix(begun)
            return [] if _RECEIVED in value else [*own, begun]
        own.append(words)
        ends_with_value = number == len(others) and not words
        rest = "" if ends_with_value else rest[place + len(words) :]
    return [] if rest else own


def _overlap(text: str, words: str) -> str:
    """The longest beginning of some words that a text ends with."""
    for length in range(min(len(text), len(words)), 0, -1):
        if text.endswith(words[:length]):
            return words[:length]
    return ""


def _num_characters(text: str) -> int:
    for words in _COMMON_WORDS:
        text = text.replace(words, "")
    return len(text)


def _is_known(message: str, templates: Iterable[Template]) -> bool:
    least = max(_MIN_OWN_WORDS, _MIN_SHARE_OF_OWN_WORDS * _num_characters(message))
    for template in templates:
        num_own = sum(_num_characters(words) for words in _own_words(message, template))
        if num_own >= least:
            return True
    return False


# --- the page ---------------------------------------------------------------------


def _messages() -> list[str]:
    document = Document.read(_PAGE)
    lines = [line.text.strip() for line in document.code]
    return [line.removeprefix(_PREFIX) for line in lines if line.startswith(_PREFIX)]


def test_the_page_explains_what_users_meet_most() -> None:
    messages = _messages()
    assert len(messages) >= _MIN_MESSAGES
    assert len(set(messages)) == len(messages)


@pytest.mark.parametrize("message", _messages())
def test_a_message_of_the_page_exists(message: str) -> None:
    if message.startswith(tuple(_FROM_ELSEWHERE)):
        return
    assert _is_known(message, _templates())


def test_the_makefile_refuses_other_pythons_with_the_words_of_the_page() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    assert "Expected PYTHON to be Python 3.10 to 3.13. Received: PYTHON=" in makefile


def test_each_message_is_explained() -> None:
    blocks = _PAGE.read_text(encoding="utf-8").split(f"    {_PREFIX}")[1:]
    for block in blocks:
        explanation = " ".join(block.split())  # a line may break anywhere
        assert "**Why.**" in explanation, block
        assert "**What to do.**" in explanation, block


# --- that the checks can fail -----------------------------------------------------

_TEMPLATE = ("Expected the moon over ", " to be full. Received: ", ". Wait for it.")


@pytest.mark.parametrize(
    "message",
    [
        "Expected the moon over Rome to be full. Received: a half. Wait for it.",
        "Expected the moon over Rome to be full. Received: a half",
        "Expected the moon over Rome to be fu",
    ],
)
def test_what_the_code_says_is_known(message: str) -> None:
    assert _is_known(message, [_TEMPLATE])


@pytest.mark.parametrize(
    "message",
    [
        "Expected the sun over Rome to be full. Received: a half. Wait for it.",
        "Expected the moon over Rome to be new. Received: a half. Wait for it.",
        "Expected the moon over Rome to be full. Received: a half. Wait for it. Or not.",
        "Expected the moon",  # too few words to tell
    ],
)
def test_what_the_code_does_not_say_is_not_known(message: str) -> None:
    assert not _is_known(message, [_TEMPLATE])


def test_a_template_of_hardly_any_words_knows_nothing() -> None:
    template = ("Expected ", " to be ", ". Received: ", ".")
    assert not _is_known("Expected Rome to be a town. Received: a village.", [template])
