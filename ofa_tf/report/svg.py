"""What plots are drawn with: the elements of an SVG file."""

import dataclasses
import html
from collections.abc import Sequence

from ofa_tf.report.axes import Axis, tick_text

FONT_PX = 13

_GRID_COLOR = "#e4e4e4"
_EDGE_COLOR = "#bbb"
_TEXT_COLOR = "#222"
# Of a letter on average, as a share of the size of the font: what is known of a text before it is drawn.
_LETTER_WIDTH = 0.56


@dataclasses.dataclass(frozen=True)
class Frame:
    """The plotted area of a picture, and the values along its edges.

    Args:
        horizontal: Of what grows to the right.
        vertical: Of what grows upwards.
        left: Margin, pixels, as all sizes.
        top: Margin.
        right: Margin.
        bottom: Margin.
        width: Of the plotted area.
        height: Of the plotted area.
    """

    horizontal: Axis
    vertical: Axis
    left: float = 64
    top: float = 64
    right: float = 64
    bottom: float = 64
    width: float = 480
    height: float = 480

    @property
    def end_x(self) -> float:
        """The area's right edge."""
        return self.left + self.width

    @property
    def end_y(self) -> float:
        """The area's lower edge."""
        return self.top + self.height

    def x(self, value: float) -> float:
        """Where a value lies on the horizontal axis, pixels from the left."""
        return round(self.left + self.horizontal.share(value) * self.width, 2)

    def y(self, value: float) -> float:
        """Where a value lies on the vertical axis, pixels from the top."""
        return round(self.end_y - self.vertical.share(value) * self.height, 2)


def document(frame: Frame, elements: Sequence[str]) -> str:
    """The text of an SVG file, with a white ground that keeps it readable in dark viewers."""
    width = frame.end_x + frame.right
    height = frame.end_y + frame.bottom
    size = f'width="{width:g}" height="{height:g}"'
    font = f'font-family="sans-serif" font-size="{FONT_PX}" fill="{_TEXT_COLOR}"'
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" {size} viewBox="0 0 {width:g} {height:g}" {font}>',
        f'<rect {size} fill="white"/>',
        *elements,
        "</svg>",
        "",
    ]
    return "\n".join(lines)


def grid(frame: Frame) -> list[str]:
    """At each tick a line across the area, and its label; and what encloses the area."""
    size = f'width="{frame.width:g}" height="{frame.height:g}"'
    elements = [f'<rect x="{frame.left:g}" y="{frame.top:g}" {size} fill="none" stroke="{_EDGE_COLOR}"/>']
    for tick in frame.horizontal.ticks:
        x = frame.x(tick)
        elements.append(f'<path d="M{x} {frame.top:g}V{frame.end_y:g}" stroke="{_GRID_COLOR}"/>')
        elements.append(text(x, frame.end_y + 18, tick_text(tick), "middle"))
    for tick in frame.vertical.ticks:
        y = frame.y(tick)
        elements.append(f'<path d="M{frame.left:g} {y}H{frame.end_x:g}" stroke="{_GRID_COLOR}"/>')
        elements.append(text(frame.left - 8, y + 4, tick_text(tick), "end"))
    return elements


def axis_labels(frame: Frame, horizontal: str, vertical: str) -> list[str]:
    """What the axes show."""
    middle_x = frame.left + frame.width / 2
    middle_y = frame.top + frame.height / 2
    return [
        text(middle_x, frame.end_y + 44, horizontal, "middle"),
        text(-middle_y, 18, vertical, "middle", ' transform="rotate(-90)"'),
    ]


def text(x: float, y: float, content: str, anchor: str, attributes: str = "") -> str:
    """A line of text; `anchor` is `"start"`, `"middle"` or `"end"`."""
    return f'<text x="{x:g}" y="{y:g}" text-anchor="{anchor}"{attributes}>{html.escape(content)}</text>'


def circle(x: float, y: float, radius: float, color: str, attributes: str = "", content: str = "") -> str:
    """A filled circle; its content is what an SVG element may hold, such as a `<title>`."""
    return f'<circle cx="{x:g}" cy="{y:g}" r="{radius:g}" fill="{color}"{attributes}>{content}</circle>'


def text_width(content: str, font_px: float = FONT_PX) -> float:
    """About how wide a text will be, pixels."""
    return _LETTER_WIDTH * font_px * len(content)
