"""`SubnetCosts`: what a subnet costs, as it is predicted and, where it was, measured."""

import dataclasses
from typing import Any

from ofa_tf.devices.device import Measurement

# Marks latencies in tables, and what is written below these.
ABOVE_LIMIT = "!"
ABOVE_LIMIT_MEANS = f"{ABOVE_LIMIT}: measured ABOVE THE LIMIT of the latency"


@dataclasses.dataclass(frozen=True)
class SubnetCosts:
    """What a subnet costs.

    Args:
        device: Id of the device of the latencies.
        num_macs: Multiply-accumulates.
        size_bytes: Size of the model's file, predicted.
        latency_ms: Predicted latency, milliseconds; `None` where there is no latency table.
        measurement: Of the latency; `None` where it was not measured.
    """

    device: str
    num_macs: int
    size_bytes: int
    latency_ms: float | None = None
    measurement: Measurement | None = None

    @property
    def measured_ms(self) -> float | None:
        """Measured latency, milliseconds; `None` where it was not measured, or the model did not run."""
        if self.measurement is None:
            return None
        return self.measurement.latency_ms

    def is_measured_above(self, limit_ms: float) -> bool:
        """Whether the latency was measured, and is above a limit."""
        return self.measured_ms is not None and self.measured_ms > limit_ms

    def mark_measured(self, limit_ms: float | None) -> str | None:
        """The measured latency for a table, with `ABOVE_LIMIT` after it where that is so; `None`: not measured."""
        if self.measured_ms is None:
            return None
        is_above = limit_ms is not None and self.is_measured_above(limit_ms)
        mark = ABOVE_LIMIT if is_above else ""
        return f"{self.measured_ms:.3f}{mark}"

    def to_dict(self) -> dict[str, Any]:
        """As JSON-serialisable data, for the notes of an arch."""
        return {
            "num_macs": self.num_macs,
            "size_bytes": self.size_bytes,
            "predicted_latency_ms": self.latency_ms,
            "measured_latency_ms": self.measured_ms,
        }
