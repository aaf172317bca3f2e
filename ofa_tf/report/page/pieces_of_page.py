"""What several sections of the report are made of: figures, notes, headings."""

from collections.abc import Sequence

from ofa_tf.report.page.contents import Note, Section
from ofa_tf.report.page.figures import Figure
from ofa_tf.report.page.markup import Markup, element, embed_json, join, make_command

_TITLES = {
    Section.SUBNETS: "Choose a subnet",
    Section.DEVICES: "Devices: are predicted latencies right?",
    Section.PREDICTIONS: "Are predicted accuracies right?",
    Section.TRAINING: "Training",
    Section.MODELS: "Shipped models",
}


def title_of(section: Section) -> str:
    """The heading of a section."""
    return _TITLES[section]


def make_section(section: Section, explanation: str, notes: Sequence[Note], *content: object) -> Markup:
    """A section of the report.

    Args:
        section: Which one.
        explanation: A sentence or two on what it shows.
        notes: What is missing in it.
        *content: What it shows.
    """
    heading = element("h2", title_of(section), id=f"{section.value}-heading")
    return element(
        "section",
        heading,
        element("p", explanation, class_="explanation"),
        make_notes(notes),
        *content,
        id=section.value,
        aria_labelledby=f"{section.value}-heading",
    )


def make_notes(notes: Sequence[Note]) -> Markup:
    """What is missing, each with the command that makes it."""
    boxes = []
    for note in notes:
        content: list[Markup] = [element("p", note.text)]
        if note.command:
            content.append(make_command(note.command))
        boxes.append(element("div", *content, class_="note", role="note"))
    return join(boxes)


def make_figure(figure: Figure, caption: str) -> Markup:
    """A place for a figure, which the page's script draws, and the data for it.

    Args:
        figure: The figure.
        caption: A sentence on what it shows, below it.
    """
    place = element("div", class_="plot", role="img", aria_label=caption)
    return element(
        "figure",
        place,
        embed_json(figure, class_="plot-data"),
        element("figcaption", caption),
    )


def make_details(summary: str, *content: object) -> Markup:
    """Something to be opened by who wants to know more."""
    return element("details", element("summary", summary), *content)
