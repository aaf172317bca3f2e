"""`CostLimit`: a limit that a picture tells of."""

import dataclasses

from ofa_tf.base.numbers_in_words import share_in_words
from ofa_tf.report.cost_unit import CostUnit


@dataclasses.dataclass(frozen=True)
class CostLimit:
    """A limit that all subnets of a front keep.

    Args:
        value: The limit.
        margin: By which share costs were taken to be higher than predicted, to keep it.
    """

    value: float
    margin: float = 0.0

    def describe(self, unit: CostUnit) -> str:
        """The limit in a unit, with its margin."""
        words = unit.describe_limit(self.value)
        if self.margin:
            words += f" (with a margin of {share_in_words(self.margin)})"
        return words
