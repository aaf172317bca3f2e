"""`PieceMeasurements`: what is known of the pieces of a space, from this call and the ones before.

The latencies are kept in a file of their own (`TABLE.part.json` beside the table to
come), so that a lost phone or Ctrl-C costs a few minutes and not the night.
"""

import dataclasses
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ofa_tf.base import files
from ofa_tf.base.counts import count_in_words
from ofa_tf.base.errors import InputError
from ofa_tf.base.progress import tell
from ofa_tf.devices.device import Measurement
from ofa_tf.devices.device_facts import CONDITION_FACTS, DeviceFacts
from ofa_tf.latency.pieces import OVERHEAD

_KIND = "latency_table_part"
_ADVICE = "Delete it to begin again."

Label = tuple[str, int]  # key of a piece, and height and width of its input


def label_name(label: Label) -> str:
    """A label as text: `KEY@SIZE`."""
    key, size = label
    return f"{key}@{size}"


@dataclasses.dataclass
class PieceMeasurements:
    """Latencies of pieces, and what goes with them.

    Args:
        latencies_ms: Milliseconds, at the pace that the device had for the first batch.
        doubts: Pieces whose latency is not to be trusted, as `KEY@SIZE` -> why.
        device: Facts about device, runtime and settings.
        conditions: Of each batch, what the device told of its heat, battery and clock
            `before` and `after`.
        failed: Why pieces could not be measured; not kept in the file.
    """

    latencies_ms: dict[Label, float] = dataclasses.field(default_factory=dict)
    doubts: dict[str, str] = dataclasses.field(default_factory=dict)
    device: dict[str, Any] = dataclasses.field(default_factory=dict)
    conditions: list[dict[str, Any]] = dataclasses.field(default_factory=list)
    failed: dict[Label, str] = dataclasses.field(default_factory=dict)

    def add(self, measurements: Mapping[Label, Measurement], pace: float) -> None:
        """Add pieces of one batch.

        Args:
            measurements: What measuring them gave.
            pace: What brings their latencies to the pace of the first batch.
        """
        for label, row in measurements.items():
            if row.latency_ms is None:
                self.failed[label] = row.error or "not measured"
                continue
            self.latencies_ms[label] = pace * row.latency_ms
            if row.doubt:
                self.doubts[label_name(label)] = row.doubt

    def add_device(self, facts: Mapping[str, Any]) -> None:
        """Keep facts of a batch: those that differ from batch to batch one by one, the others once."""
        self.device = {name: value for name, value in facts.items() if name not in CONDITION_FACTS}
        condition = {name: facts[name] for name in CONDITION_FACTS if name in facts}
        if condition:
            self.conditions.append(condition)

    @property
    def overhead_ms(self) -> float:
        """Latency of a network that does nothing, milliseconds."""
        return self.latencies_ms[OVERHEAD, 1]

    def without_overhead(self, label: Label) -> float:
        """Latency of a piece less the overhead, milliseconds."""
        return max(self.latencies_ms[label] - self.overhead_ms, 0.0)

    def save(self, path: Path, circumstances: Mapping[str, Any]) -> None:
        """Write what is known, atomically.

        Args:
            path: The file.
            circumstances: What must be alike for another call to go on with it, as
                `as_json` gives it.
        """
        rows = [[key, size, latency_ms] for (key, size), latency_ms in self.latencies_ms.items()]
        document = {
            "facts": circumstances,
            "latencies_ms": rows,
            "doubts": self.doubts,
            "measured_on": self.device,
            "conditions": self.conditions,
        }
        files.write_json(path, _KIND, document)

    @classmethod
    def load(cls, path: Path, circumstances: Mapping[str, Any]) -> "PieceMeasurements":
        """Read what an earlier call measured; nothing, if there is no file.

        Raises:
            InputError: If it was measured under other circumstances, or is damaged.
        """
        if not path.exists():
            return cls()
        document = files.read_json(path, _KIND, hint=_ADVICE)
        found = document.get("facts", {})
        try:
            if found.keys() != circumstances.keys():
                raise ValueError("its facts are incomplete")
            device = DeviceFacts.from_dict(found["device"])
            found = {**found, "device": device.without_address().to_dict()}
            known = cls(
                latencies_ms={(str(key), int(size)): float(ms) for key, size, ms in document["latencies_ms"]},
                doubts=dict(document["doubts"]),
                device=dict(document["measured_on"]),
                conditions=list(document["conditions"]),
            )
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise InputError(f"Expected {path} to hold latencies of pieces. Received: {error!r}. {_ADVICE}") from error
        _check_same(path, found, circumstances)
        num_known = count_in_words(len(known.latencies_ms), "piece")
        tell(f"the latency table goes on with the {num_known} of {path}")
        return known


def as_json(facts: Mapping[str, Any]) -> dict[str, Any]:
    """Facts as they come back from a JSON file: tuples are lists, keys are strings."""
    return dict(json.loads(json.dumps(facts)))


def _check_same(path: Path, found: Mapping[str, Any], expected: Mapping[str, Any]) -> None:
    """Check that the circumstances of an earlier call are those of this one."""
    for name, value in expected.items():
        difference = _difference(name, found[name], value)
        if difference:
            raise InputError(
                f"Expected {path}, which holds what an earlier call measured, to be of the same circumstances. "
                f"Received: {difference}. {_ADVICE.removesuffix('.')}, or name another table with --output."
            )


def _difference(name: str, found: Any, expected: Any) -> str:
    """How two values of a circumstance differ, in words; nothing if they are alike."""
    if found == expected:
        return ""
    if not isinstance(found, dict) or not isinstance(expected, dict):
        return f"{name}={found!r} (now {expected!r})"
    differences = []
    for key in {**expected, **found}:
        # A fact that is missing, as older versions did not know it, counts as None.
        before, now = found.get(key), expected.get(key)
        if before != now:
            differences.append(f"{name}.{key}={before!r} (now {now!r})")
    return ", ".join(differences)
