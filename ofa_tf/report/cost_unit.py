"""`CostUnit`: in which words and unit a picture tells of a cost."""

import dataclasses
from collections.abc import Iterable

from ofa_tf.base.numbers_in_words import limit_in_words, short_number
from ofa_tf.search.constraint_kinds import CONSTRAINT_KINDS


@dataclasses.dataclass(frozen=True)
class CostUnit:
    """A cost in a unit.

    Args:
        cost: Name of the cost, one of `CONSTRAINT_KINDS`.
        words: What it is called.
        unit: Name of the unit; empty where none is known.
        size: How much one of it is.
    """

    cost: str
    words: str
    unit: str
    size: float

    @classmethod
    def fitting(cls, cost: str, values: Iterable[float]) -> "CostUnit":
        """The largest unit of which the highest value has at least one; the smallest one if there is none such."""
        kind = CONSTRAINT_KINDS[cost]
        words = kind.words or cost
        highest = max(values)
        chosen = ("", 1.0)
        for unit, size in sorted(kind.units.items(), key=lambda item: item[1]):
            if not chosen[0] or size <= highest:
                chosen = (unit, size)
        return cls(cost, words, *chosen)

    @property
    def label(self) -> str:
        """What an axis shows, such as `file size, kB`."""
        if not self.unit:
            return self.words
        return f"{self.words}, {self.unit}"

    def convert(self, value: float) -> float:
        """A value of the cost in this unit."""
        return value / self.size

    def describe(self, value: float) -> str:
        """A value of the cost with its unit, such as `352 kB`."""
        return f"{short_number(self.convert(value))} {self.unit}".rstrip()

    def describe_limit(self, limit: float) -> str:
        """A limit of the cost with its unit, as it was given: `352.4096 kB`."""
        return f"{limit_in_words(self.convert(limit))} {self.unit}".rstrip()
