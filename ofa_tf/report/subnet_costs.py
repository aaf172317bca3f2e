"""`SubnetCosts`: what a subnet costs, as it is predicted and, where it was, measured."""

import dataclasses
from collections.abc import Sequence
from typing import Any

from ofa_tf.base.numbers_in_words import share_in_words
from ofa_tf.devices.device import Measurement

# Marks latencies in tables.
_ABOVE_LIMIT = "!"


@dataclasses.dataclass(frozen=True)
class SubnetCosts:
    """What a subnet costs.

    Args:
        device: Id of the device of the latencies.
        num_macs: Multiply-accumulates.
        size_bytes: Size of the model's file, predicted.
        latency_ms: Predicted latency, milliseconds; `None` where there is no latency table.
        measurement: Of the latency; `None` where it was not measured.
        predicted_doubt: Why the prediction is not to be trusted; `None` where nothing is against it.
    """

    device: str
    num_macs: int
    size_bytes: int
    latency_ms: float | None = None
    measurement: Measurement | None = None
    predicted_doubt: str | None = None

    @property
    def measured_ms(self) -> float | None:
        """Measured latency, milliseconds; `None` where it was not measured, or the model did not run."""
        if self.measurement is None:
            return None
        return self.measurement.latency_ms

    @property
    def measured_doubt(self) -> str | None:
        """Why the measured latency is not to be trusted; `None` where it is, or was not measured."""
        if self.measurement is None:
            return None
        return self.measurement.doubt

    def excess_over(self, limit_ms: float | None) -> float:
        """By which share of a limit the measured latency is above it; 0 where it is not, or one of them is missing."""
        if self.measured_ms is None or limit_ms is None:
            return 0.0
        return max(0.0, self.measured_ms / limit_ms - 1)

    def mark_measured(self, limit_ms: float | None) -> str | None:
        """The measured latency for a table, with a mark where it is above its limit; `None`: not measured."""
        if self.measured_ms is None:
            return None
        mark = _ABOVE_LIMIT if self.excess_over(limit_ms) else ""
        return f"{self.measured_ms:.3f}{mark}"

    def to_dict(self) -> dict[str, Any]:
        """As JSON-serialisable data, for the notes of an arch."""
        return {
            "num_macs": self.num_macs,
            "size_bytes": self.size_bytes,
            "predicted_latency_ms": self.latency_ms,
            "predicted_latency_doubt": self.predicted_doubt,
            "measured_latency_ms": self.measured_ms,
            "measured_latency_doubt": self.measured_doubt,
        }


def explain_marks(excesses: Sequence[float]) -> list[str]:
    """The line below a table that says what the mark of a latency means, if there is one.

    Args:
        excesses: `SubnetCosts.excess_over` of each row: latencies are shown so coarsely that it may not be seen.
    """
    largest = max(excesses)
    if largest == 0:
        return []
    return [f"{_ABOVE_LIMIT}: measured ABOVE THE LIMIT of the latency, by {share_in_words(largest)} at most"]
