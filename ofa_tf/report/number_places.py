"""Where the numbers of points are written, so that none hides another."""

import dataclasses
from collections.abc import Sequence

NUMBER_FONT_PX = 11

_DIGIT_WIDTH_PX = 6.2
_HEIGHT_PX = 9
_GAP_PX = 3


@dataclasses.dataclass(frozen=True)
class Box:
    """A rectangle, pixels from the left and from the top."""

    left: float
    top: float
    right: float
    bottom: float

    def overlaps(self, other: "Box") -> bool:
        """Whether two rectangles share more than an edge."""
        is_beside = self.right <= other.left or other.right <= self.left
        is_above = self.bottom <= other.top or other.bottom <= self.top
        return not (is_beside or is_above)

    def is_inside(self, other: "Box") -> bool:
        """Whether another rectangle contains this one."""
        is_inside_across = other.left <= self.left and self.right <= other.right
        return is_inside_across and other.top <= self.top and self.bottom <= other.bottom

    def overlaps_any(self, others: Sequence["Box"]) -> bool:
        """Whether it shares more than an edge with one of several."""
        return any(self.overlaps(other) for other in others)


def place_numbers(
    points: Sequence[Box],
    within: Box,
    avoided: Sequence[Box] = (),
) -> list[Box | None]:
    """A place for each point's number: 0, 1, 2, ...

    Each number, in order, takes the first place beside its point (upper left, where a front has no other points; lower
    right; upper right; lower left) that hides neither a point nor a number, and nothing that is better avoided; or else
    the first that hides neither a point nor a number. Without such a place it is left out.

    Args:
        points: What is drawn for each point.
        within: Where numbers may be.
        avoided: What else is drawn.

    Returns:
        For each point the place of its number, or `None`.
    """
    numbers: list[Box] = []
    places: list[Box | None] = []
    for number, point in enumerate(points):
        free = []
        for box in _boxes_beside(point, _DIGIT_WIDTH_PX * len(str(number))):
            if box.is_inside(within) and not box.overlaps_any(points) and not box.overlaps_any(numbers):
                free.append(box)
        if not free:
            places.append(None)
            continue
        best = [box for box in free if not box.overlaps_any(avoided)]
        place = [*best, *free][0]
        numbers.append(place)
        places.append(place)
    return places


def _boxes_beside(point: Box, width: float) -> list[Box]:
    """Places for a number of a width beside a point, the best first."""
    left = point.left - _GAP_PX / 2 - width
    right = point.right + _GAP_PX / 2
    above = point.top - _HEIGHT_PX
    below = point.bottom
    boxes = []
    for x, y in ((left, above), (right, below), (right, above), (left, below)):
        boxes.append(Box(x, y, x + width, y + _HEIGHT_PX))
    return boxes
