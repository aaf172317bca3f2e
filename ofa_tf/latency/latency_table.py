"""`LatencyTable`: how long each piece of a search space takes on a device."""

import dataclasses
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from ofa_tf.base import files
from ofa_tf.base.errors import InputError
from ofa_tf.devices.device_facts import DECISIVE_FACTS
from ofa_tf.latency.pieces import OVERHEAD
from ofa_tf.space.search_space import SearchSpace
from ofa_tf.tflite.lowering.targets import CPU
from ofa_tf.tflite.quantization.model_form import form_name

_KIND = "latency_table"
_TUPLES = ("image_sizes", "lowering", "conditions")
_HINT = "Write one with tools/build_latency_table.py."
_BUILD_AGAIN = "Build it again with tools/build_latency_table.py."


@dataclasses.dataclass(frozen=True)
class LatencyTable:
    """Measured latencies of the pieces of a search space.

    Args:
        space: The search space.
        num_classes: Number of classes of the head.
        precision: Name of the `Precision` of the pieces, such as `"int8"`.
        device: Facts about device, runtime and settings, see `Measurement.device`.
        settings: The settings of the measurement, as data.
        image_sizes: The measured image sizes, ascending, pixels.
        overhead_ms: Latency of a network that does nothing.
        entries: Key of the piece -> height and width of its input -> latency
            less the overhead, milliseconds.
        calibration: What `LatencyModel.calibrate` found on whole networks:
            `scale`, `exponent`, `archs`, `measured_ms` and `report`; or `None`.
        lowering: Names of the rewrites that the pieces were exported with.
        doubts: Pieces whose latency is not to be trusted, as `KEY@SIZE` -> why.
        conditions: Of each part of the measurement, what the device told of its
            heat, battery and clock `before` and `after`.
        target: Name of the `Target` that the pieces are for.
        path: The file that it was read from, for messages.
    """

    space: SearchSpace
    num_classes: int
    precision: str
    device: dict[str, Any]
    settings: dict[str, Any]
    image_sizes: tuple[int, ...]
    overhead_ms: float
    entries: Mapping[str, Mapping[int, float]]
    calibration: dict[str, Any] | None = None
    lowering: tuple[str, ...] = ()
    doubts: Mapping[str, str] = dataclasses.field(default_factory=dict)
    conditions: tuple[Mapping[str, Any], ...] = ()
    target: str = CPU.name
    path: Path | None = dataclasses.field(default=None, compare=False)

    @property
    def title(self) -> str:
        """What messages call the table: by its file, if it has one."""
        if self.path is None:
            return f"the latency table of {self.space.name}"
        return f"the latency table {self.path}"

    @property
    def form_name(self) -> str:
        """What its models are called, see `ModelForm.name`."""
        return form_name(self.precision, self.target)

    @property
    def num_pieces(self) -> int:
        """Pieces that were measured, each at every size of its input; the overhead is none."""
        return sum(len(latencies_ms) for latencies_ms in self.entries.values())

    @property
    def doubts_of_pieces(self) -> dict[str, str]:
        """Of those, the ones whose latency is not to be trusted, each with the reason."""
        return {name: doubt for name, doubt in self.doubts.items() if not name.startswith(f"{OVERHEAD}@")}

    @property
    def doubt(self) -> str | None:
        """Why no prediction from the table is to be trusted; `None`: there is nothing against them.

        Some doubtful pieces among others even out. Where most are, or most of the networks that the model was
        calibrated and checked on, the computer or the phone was not at its pace.
        """
        calibration = self.calibration or {}
        doubts_of_networks = calibration.get("doubts") or []
        held_out = calibration.get("held_out") or {}
        num_networks = len(calibration.get("archs") or []) + len(held_out.get("archs") or [])
        num_doubtful_pieces = len(self.doubts_of_pieces)
        has_doubtful_pieces = num_doubtful_pieces > self.num_pieces / 2
        has_doubtful_networks = len(doubts_of_networks) > num_networks / 2
        if not has_doubtful_pieces and not has_doubtful_networks:
            return None
        if self.doubts:
            reason = next(iter(self.doubts.values()))
        else:
            reason = doubts_of_networks[0]
        return (
            f"when the latency table was measured, latencies of {num_doubtful_pieces} of {self.num_pieces} pieces and "
            f"of {len(doubts_of_networks)} of {num_networks} networks were doubtful, such as: {reason}; measure it "
            "again when nothing else runs there"
        )

    def latency_ms(self, key: str, input_size: int) -> float:
        """Latency of a piece, interpolated between the measured input sizes.

        Between two measured sizes latency is taken as linear in the number of
        pixels, as the work is.

        Args:
            key: Key of the piece.
            input_size: Height and width of its input, pixels.

        Returns:
            The latency less the overhead, milliseconds.

        Raises:
            InputError: If the piece is not in the table or the size is outside
                the measured range.
        """
        measured = self.entries.get(key)
        if measured is None:
            raise InputError(
                f"Expected {self.title} to have the piece {key!r}. Received: no such piece. {_BUILD_AGAIN}"
            )
        sizes = sorted(measured)
        if not sizes:
            raise InputError(
                f"Expected {self.title} to have sizes of the piece {key!r}. Received: none. {_BUILD_AGAIN}"
            )
        if not sizes[0] <= input_size <= sizes[-1]:
            raise InputError(
                f"Expected an input size of {key} in the measured range {sizes[0]}..{sizes[-1]} of {self.title}. "
                f"Received: {input_size}. {_BUILD_AGAIN}"
            )
        pixels = [size**2 for size in sizes]
        return float(np.interp(input_size**2, pixels, [measured[size] for size in sizes]))

    def covers(self, image_size: int) -> bool:
        """Whether an image size is within the measured ones."""
        return self.image_sizes[0] <= image_size <= self.image_sizes[-1]

    @property
    def held_out(self) -> dict[str, Any]:
        """What the model was checked on, networks that it was not calibrated on: `archs`, `measured_ms` and `report`.

        Raises:
            InputError: If the table was not calibrated, or nothing was held out.
        """
        if self.calibration is None or "held_out" not in self.calibration:
            raise InputError(
                f"Expected {self.title} to be calibrated on networks, and checked on others. "
                f"Received: one that was not. {_BUILD_AGAIN}"
            )
        held_out: dict[str, Any] = self.calibration["held_out"]
        return held_out

    def check_image_size(self, image_size: int) -> None:
        """Check that an image size is within the measured ones.

        Raises:
            InputError: If it is not.
        """
        if not self.covers(image_size):
            raise InputError(
                f"Expected an image size in the measured range {self.image_sizes[0]}..{self.image_sizes[-1]} of "
                f"{self.title}. Received: {image_size}. Build the latency table with more image sizes."
            )

    def check_device(self, facts: Mapping[str, Any]) -> None:
        """Check that facts of a measurement are those of this table's device.

        Raises:
            InputError: If device, processor, ABI, runtime or threads differ.
        """
        for name in DECISIVE_FACTS:
            if name in facts and facts[name] != self.device.get(name):
                raise InputError(
                    f"Expected the device of the latency table ({name}={self.device.get(name)!r}). "
                    f"Received: {name}={facts[name]!r}. Build a table for this one with tools/build_latency_table.py."
                )

    def save(self, path: str | Path) -> None:
        """Write the table as JSON, atomically."""
        payload: dict[str, Any] = {}
        for name in self._kept_fields():
            payload[name] = getattr(self, name)
        payload["space"] = self.space.to_dict()
        for name in _TUPLES:
            payload[name] = list(payload[name])
        entries = {}
        for key, latencies_ms in self.entries.items():
            entries[key] = {str(size): latency_ms for size, latency_ms in latencies_ms.items()}
        payload["entries"] = entries
        files.write_json(path, _KIND, payload)

    @classmethod
    def load(cls, path: str | Path, space: SearchSpace | None = None) -> "LatencyTable":
        """Read a table.

        Args:
            path: The file.
            space: Space that the table must be of; any by default.

        Raises:
            InputError: If the file is missing, is no latency table or is of
                another space.
        """
        document = files.read_json(path, _KIND, hint=_HINT)
        try:
            optional: dict[str, Any] = {"doubts": {}, "conditions": [], "target": CPU.name}  # which older tables lack
            document = {**optional, **document}
            values = {name: document[name] for name in cls._kept_fields()}
            values["space"] = SearchSpace.from_dict(values["space"])
            values |= {name: tuple(values[name]) for name in _TUPLES}
            rows = values["entries"].items()
            values["entries"] = {key: {int(size): float(ms) for size, ms in row.items()} for key, row in rows}
        except (KeyError, TypeError, AttributeError, ValueError) as error:
            raise InputError(f"Expected {path} to be a complete latency table. Received: {error!r}. {_HINT}") from error
        table = cls(**values, path=Path(path))
        table._check_latencies(path)
        if space is not None and table.space != space:
            found = repr(table.space.name)
            if table.space.name == space.name:
                found += " as it was earlier"
            raise InputError(
                f"Expected {path} to be a latency table of the search space {space.name!r}. Received: one of {found}. "
                f"{_HINT}"
            )
        return table

    @classmethod
    def _kept_fields(cls) -> list[str]:
        """What the file holds: all but where it lies."""
        return [field.name for field in dataclasses.fields(cls) if field.name != "path"]

    def _check_latencies(self, path: str | Path) -> None:
        """Check that every latency is one; a file may have been changed by hand."""
        latencies_ms = {"overhead_ms": self.overhead_ms}
        for key, row in self.entries.items():
            for size, latency_ms in row.items():
                latencies_ms[f"{key}@{size}"] = latency_ms
        for name, latency_ms in latencies_ms.items():
            is_number = isinstance(latency_ms, int | float) and math.isfinite(latency_ms)
            if not is_number or latency_ms < 0:
                raise InputError(
                    f"Expected the latencies in {path} to be numbers of at least 0. Received: {latency_ms!r} for "
                    f"{name}. {_HINT}"
                )
