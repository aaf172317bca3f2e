"""Measuring the latency table of a search space, in parts that are kept."""

import dataclasses
import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ofa_tf.base import files
from ofa_tf.base.errors import InputError
from ofa_tf.base.progress import announce
from ofa_tf.devices.device import BenchmarkModel, BenchmarkSettings, Device, Progress
from ofa_tf.devices.device_facts import CONDITION_FACTS, DeviceFacts
from ofa_tf.latency.latency_table import LatencyTable
from ofa_tf.latency.pieces import OVERHEAD, Piece, distinct_pieces
from ofa_tf.space.search_space import SearchSpace

_KIND = "latency_table_part"
_MAX_IMAGE_SIZES = 3  # five predict no better, see BUILD_NOTES.md
_PART = 96  # models that are measured, and kept, together
_NUM_ANCHORS = 8  # models of the first part that every other measures again
_FREE_SETTINGS = ("time_limit_s", "max_loaded_models")  # a call may continue with others

# A round runs about as many pieces as a network has, each once: a piece then finds its weights and
# input in the caches as it does inside a network. Run several times in a row (warm), sums of pieces
# come out a tenth too small; in rounds of a hundred (from main memory), a third too large.
TABLE_SETTINGS = BenchmarkSettings(
    warmup_runs=0, num_runs=1, rounds=30, min_time_s=4.0, max_loaded_models=24, measure_peak_ram=False
)

Label = tuple[str, int]  # key of a piece, and height and width of its input


def build_latency_table(
    space: SearchSpace,
    device: Device,
    convert_piece: Callable[[Piece, int], bytes],
    num_classes: int,
    precision: str = "float32",
    settings: BenchmarkSettings = TABLE_SETTINGS,
    image_sizes: Sequence[int] | None = None,
    on_progress: Progress | None = None,
    lowering: Sequence[str] = (),
    part_path: Path | None = None,
) -> LatencyTable:
    """Measure every piece of a search space on a device.

    The pieces are measured in parts, in random order. Each part measures some
    pieces of the first one again, by which it is brought to the pace that the
    device had then: a phone may be warmer, or it may be another day.

    Args:
        space: The search space.
        device: Where to measure.
        convert_piece: Gives the TFLite model of a piece for a height and width
            of its input, such as `ofa_tf.export.block_models.block_model_converter`.
        num_classes: Number of classes that `convert_piece` builds the head for.
        precision: Precision that `convert_piece` converts to; recorded.
        settings: How to measure. On the host each piece is run once a round, without
            warm-up, whatever they say; phones run it many times in a row.
        image_sizes: Image sizes to measure; all of the space, or three evenly
            spread ones if it has more. Others are interpolated.
        on_progress: Called with pieces done and pieces in all.
        lowering: Names of the rewrites that `convert_piece` applies; recorded.
        part_path: File that keeps what is measured; the next call continues with
            it. It is for the caller to delete, once the table is in safety.

    Raises:
        InputError: If an image size is not positive, a piece fails, the device is
            lost, or `part_path` is damaged or of other circumstances.
    """
    sizes = _image_sizes(space, image_sizes)
    settings = dataclasses.replace(settings, warmup_runs=0, num_runs=1, measure_peak_ram=False)
    pieces: dict[Label, Piece] = {(OVERHEAD, 1): Piece(OVERHEAD, 8)}
    for piece, spatial in distinct_pieces(space, sizes):
        pieces |= {(piece.key, size): piece for size in spatial}
    session = _Session(pieces, device, convert_piece, settings)
    facts = _circumstances(space, device, num_classes, precision, settings, sizes, lowering)
    session.measure_all(part_path, facts, on_progress)
    if session.failed:
        (key, size), error = next(iter(session.failed.items()))
        raise InputError(
            f"Expected all {len(pieces)} pieces of {space.name} to run on the device {device.id!r}. Received: "
            f"{key}@{size}: {error} (and {len(session.failed) - 1} more failures).{session.advice(part_path)}"
        )
    return LatencyTable(
        space,
        num_classes,
        precision,
        session.measured_on,
        settings.to_dict(),
        sizes,
        session.known[(OVERHEAD, 1)],
        session.entries(),
        lowering=tuple(lowering),
        doubts=session.doubts,
        conditions=tuple(session.conditions),
    )


def _circumstances(
    space: SearchSpace,
    device: Device,
    num_classes: int,
    precision: str,
    settings: BenchmarkSettings,
    image_sizes: Sequence[int],
    lowering: Sequence[str],
) -> dict[str, Any]:
    """What must be alike for measurements to be of one table, as it comes back from a file."""
    facts = {
        "space": space.to_dict(),
        "num_classes": num_classes,
        "precision": precision,
        "settings": {name: value for name, value in settings.to_dict().items() if name not in _FREE_SETTINGS},
        "image_sizes": list(image_sizes),
        "lowering": list(lowering),
        "device": device.describe().without_address().to_dict(),
        "versions": files.versions(),
    }
    return dict(json.loads(json.dumps(facts)))


class _Session:
    """What is known of the pieces, from this call and the ones before."""

    def __init__(
        self,
        pieces: Mapping[Label, Piece],
        device: Device,
        convert_piece: Callable[[Piece, int], bytes],
        settings: BenchmarkSettings,
    ) -> None:
        self.known: dict[Label, float] = {}  # latencies, ms
        self.failed: dict[Label, str] = {}
        self.doubts: dict[str, str] = {}
        self.measured_on: dict[str, Any] = {}
        self.conditions: list[dict[str, Any]] = []
        self._pieces, self._device = pieces, device
        self._convert_piece, self._settings = convert_piece, settings

    def measure_all(self, path: Path | None, facts: Mapping[str, Any], on_progress: Progress | None) -> None:
        """Measure what an earlier call left, part by part; see `build_latency_table`."""
        if path is not None:
            self.load(path, facts)
        # Shuffled, so that the pieces of a round are as mixed as those of a network.
        labels = [list(self._pieces)[index] for index in np.random.default_rng(0).permutation(len(self._pieces))]
        for start in range(0, len(labels), _PART):
            part = [label for label in labels[start : start + _PART] if label not in self.known]
            end = min(start + _PART, len(labels))
            if part:
                anchors = [label for label in labels if label in self.known][:_NUM_ANCHORS]
                try:
                    self.measure(part, anchors, _share_of(on_progress, end - len(part), end, len(labels)))
                except InputError as error:
                    raise type(error)(f"{error}{self.advice(path)}") from error
                if path is not None:
                    self.save(path, facts)
            if on_progress is not None:
                on_progress(end, len(labels))

    def measure(self, part: Sequence[Label], anchors: Sequence[Label], on_progress: Progress | None) -> None:
        """Measure some pieces, and some that are known, the anchors, by which they are brought to the same pace."""
        # The anchors first: should the time run out, what was measured without them could not be brought in.
        labels = [*anchors, *part]
        measurements = self._device.measure([self._model(*label) for label in labels], self._settings, on_progress)
        found = dict(zip(labels, measurements, strict=True))
        self._keep_device(measurements[0].device)
        measured = {label: row.latency_ms for label, row in found.items() if row.latency_ms is not None}
        self.failed |= {label: found[label].error or "not measured" for label in part if label not in measured}
        ratios = [self.known[label] / measured[label] for label in anchors if label in measured]
        if anchors and not ratios:
            self.failed |= dict.fromkeys(part, f"none of its anchors ran: {found[anchors[0]].error}")
            return
        pace = float(np.median(ratios)) if ratios else 1.0
        for label in part:
            if label in measured:
                self.known[label] = pace * measured[label]
            if found[label].doubt:
                self.doubts[_name(*label)] = str(found[label].doubt)

    def _model(self, key: str, size: int) -> BenchmarkModel:
        piece = self._pieces[key, size]
        return BenchmarkModel(_name(key, size), self._convert_piece(piece, size), (1, size, size, piece.in_channels))

    def _keep_device(self, facts: Mapping[str, Any]) -> None:
        self.measured_on = {name: value for name, value in facts.items() if name not in CONDITION_FACTS}
        condition = {name: facts[name] for name in CONDITION_FACTS if name in facts}
        if condition:
            self.conditions.append(condition)

    def entries(self) -> dict[str, dict[int, float]]:
        """The latencies less the overhead, by key and size, in the order of the pieces."""
        entries: dict[str, dict[int, float]] = {}
        for key, size in self._pieces:
            if key != OVERHEAD:
                entries.setdefault(key, {})[size] = max(self.known[key, size] - self.known[OVERHEAD, 1], 0.0)
        return entries

    def advice(self, path: Path | None) -> str:
        """What an error should add about the pieces that are known."""
        if path is None or not self.known:
            return ""
        return (
            f" {len(self.known)} pieces are kept: the same command goes on with the others "
            "(with a higher --time_limit_s, if it was reached)."
        )

    def save(self, path: Path, facts: Mapping[str, Any]) -> None:
        """Write what is known, atomically."""
        document = {
            "facts": facts,
            "latencies_ms": [[key, size, latency_ms] for (key, size), latency_ms in self.known.items()],
            "doubts": self.doubts,
            "measured_on": self.measured_on,
            "conditions": self.conditions,
        }
        files.write_json(path, _KIND, document)

    def load(self, path: Path, facts: Mapping[str, Any]) -> None:
        """Read what an earlier call measured, if there is something.

        Raises:
            InputError: If it was measured under other circumstances, or is damaged.
        """
        if not path.exists():
            return
        advice = "Delete it to begin again."
        document = files.read_json(path, _KIND, hint=advice)
        found = document.get("facts", {})
        try:
            if found.keys() != facts.keys():
                raise ValueError("its facts are incomplete")
            device = DeviceFacts.from_dict(found["device"])
            found = {**found, "device": device.without_address().to_dict()}
            self.known = {(str(key), int(size)): float(ms) for key, size, ms in document["latencies_ms"]}
            self.doubts, self.conditions = dict(document["doubts"]), list(document["conditions"])
            self.measured_on = dict(document["measured_on"])
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise InputError(f"Expected {path} to hold latencies of pieces. Received: {error!r}. {advice}") from error
        _check_same(path, found, facts)
        announce(f"{len(self.known)} pieces are known from {path}")


def _check_same(path: Path, found: Mapping[str, Any], expected: Mapping[str, Any]) -> None:
    """Check that the circumstances of an earlier call are those of this one."""
    for name, value in expected.items():
        if found[name] == value:
            continue
        if isinstance(value, dict) and isinstance(found[name], dict):
            # A fact that is missing, as older versions did not know it, counts as None.
            keys = [key for key in {**value, **found[name]} if found[name].get(key) != value.get(key)]
            if not keys:
                continue
            differing = ", ".join(f"{name}.{key}={found[name].get(key)!r} (now {value.get(key)!r})" for key in keys)
        else:
            differing = f"{name}={found[name]!r} (now {value!r})"
        raise InputError(
            f"Expected {path}, which holds what an earlier call measured, to be of the same circumstances. "
            f"Received: {differing}. Delete it to begin again, or name another table with --output."
        )


def _share_of(on_progress: Progress | None, start: int, end: int, total: int) -> Progress | None:
    """Reports the steps of a part, which begins and ends with so many pieces done."""
    if on_progress is None:
        return None
    most = start

    def report(steps: int, num_steps: int) -> None:
        nonlocal most
        # Repeats make more steps, and the part counts once it is kept.
        most = max(most, min(start + (end - start) * steps // max(num_steps, 1), end - 1))
        on_progress(most, total)

    return report


def _name(key: str, size: int) -> str:
    return f"{key}@{size}"


def _image_sizes(space: SearchSpace, image_sizes: Sequence[int] | None) -> tuple[int, ...]:
    if image_sizes is None:
        choices = space.image_sizes
        if len(choices) <= _MAX_IMAGE_SIZES:
            return choices
        picked = np.linspace(0, len(choices) - 1, _MAX_IMAGE_SIZES).round().astype(int)
        return tuple(choices[index] for index in picked)
    sizes = tuple(sorted({int(size) for size in image_sizes}))
    wrong = [size for size in sizes if size < 1]
    if not sizes or wrong:
        raise InputError(f"Expected `image_sizes` to be positive. Received: {list(image_sizes)}.")
    return sizes
