"""`EvaluationTable`: evaluated subnets as lines of text, each printed when its subnet is measured."""

import dataclasses
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from ofa_tf.base.numbers_in_words import points_in_words

_BETWEEN_COLUMNS = "  "


@dataclasses.dataclass(frozen=True)
class _Column:
    """A column whose width is known before its values are.

    Args:
        key: Of its value in a row.
        title: Its heading.
        show: Value -> how it is shown.
        width: Letters of the widest value that is likely.
    """

    key: str
    title: str
    show: Callable[[Any], str]
    width: int

    def heading(self) -> str:
        """The title, as wide as a cell."""
        return self.title.rjust(max(self.width, len(self.title)))

    def cell(self, row: Mapping[str, Any]) -> str:
        """The value of a row, as wide as the heading."""
        return self.show(row[self.key]).rjust(len(self.heading()))


_COSTS = (
    _Column("image_size", "px", "{}".format, width=4),
    _Column("num_macs", "MACs", "{:,}".format, width=13),
    _Column("size_bytes", "size_bytes", "{:,.0f}".format, width=11),
)
_LATENCY = _Column("latency_ms", "predicted_ms", "{:.3f}".format, width=8)
_ACCURACY = (
    _Column("top1", "top-1", "{:.2%}".format, width=7),
    _Column("standard_error", "+/-", points_in_words, width=6),
    _Column("num_images", "images", "{:,}".format, width=7),
)


class EvaluationTable:
    """The heading and the lines of a table of subnets.

    Args:
        names: Of all subnets that will have a line.
        has_latency: Whether there is a column of predicted latencies.
    """

    def __init__(self, names: Iterable[str], has_latency: bool) -> None:
        self._name_width = max(len(name) for name in [*names, "subnet"])
        self._columns: list[_Column] = [*_COSTS]
        if has_latency:
            self._columns.append(_LATENCY)
        self._columns += _ACCURACY

    def heading(self) -> str:
        """The line with the titles."""
        return self._join("subnet", [column.heading() for column in self._columns])

    def line(self, row: Mapping[str, Any]) -> str:
        """The line of a subnet.

        Args:
            row: `name`, `image_size` (pixels), `num_macs`, `size_bytes`, `latency_ms` where latencies are
                shown, `top1`, `standard_error` (shown in percentage points) and `num_images`.
        """
        return self._join(row["name"], [column.cell(row) for column in self._columns])

    def _join(self, name: str, cells: Sequence[str]) -> str:
        return _BETWEEN_COLUMNS.join([name.ljust(self._name_width), *cells])
