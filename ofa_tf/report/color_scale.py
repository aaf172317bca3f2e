"""`ColorScale`: values as colors, from a light one for low values to a dark one for high ones."""

import dataclasses

import numpy as np

from ofa_tf.report import svg
from ofa_tf.report.axes import Axis, tick_text

# Five of the colors of the map "viridis", whose lightness falls evenly, as red, green and blue.
_COLORS = np.array(
    [(0xFD, 0xE7, 0x25), (0x5E, 0xC9, 0x62), (0x21, 0x91, 0x8C), (0x3B, 0x52, 0x8B), (0x44, 0x01, 0x54)],
    float,
)
_STOPS = np.linspace(0, 1, len(_COLORS))

_WIDTH_PX = 14
_HEIGHT_PX = 220


@dataclasses.dataclass(frozen=True)
class ColorScale:
    """Colors along an axis.

    Args:
        label: What the values are.
        axis: From the value with the lightest color to that with the darkest.
    """

    label: str
    axis: Axis

    def color(self, value: float) -> str:
        """The color of a value on the axis, such as `#21918c`."""
        share = self.axis.share(value)
        channels = [round(float(np.interp(share, _STOPS, _COLORS[:, channel]))) for channel in range(3)]
        return "#{:02x}{:02x}{:02x}".format(*channels)

    def draw(self, left: float, top: float) -> list[str]:
        """A bar of all colors with ticks, its upper left corner at a place in pixels; it is 72 pixels wide."""
        elements = ['<linearGradient id="scale" x1="0" y1="1" x2="0" y2="0">']
        for stop, (red, green, blue) in zip(_STOPS, _COLORS.astype(int).tolist(), strict=True):
            elements.append(f'<stop offset="{stop:g}" stop-color="rgb({red},{green},{blue})"/>')
        size = f'width="{_WIDTH_PX}" height="{_HEIGHT_PX}"'
        elements.append(f'</linearGradient><rect x="{left:g}" y="{top:g}" {size} fill="url(#scale)"/>')
        right = left + _WIDTH_PX
        for tick in self.axis.ticks:
            y = round(top + (1 - self.axis.share(tick)) * _HEIGHT_PX, 2)
            elements.append(f'<path d="M{right:g} {y}h4" stroke="#222"/>')
            elements.append(svg.text(right + 7, y + 4, tick_text(tick), "start"))
        middle = top + _HEIGHT_PX / 2
        elements.append(svg.text(-middle, left - 8, self.label, "middle", ' transform="rotate(-90)"'))
        return elements
