"""Measuring the latency table of a search space, in parts that are kept."""

import dataclasses
import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ofa_tf import io
from ofa_tf.device.device import BenchmarkModel, BenchmarkSettings, Device, Progress
from ofa_tf.device.latency_table import LatencyTable
from ofa_tf.device.pieces import OVERHEAD, Piece, distinct_pieces
from ofa_tf.errors import InputError
from ofa_tf.progress import announce
from ofa_tf.search_space import SearchSpace

_KIND = "latency_table_part"
_MAX_IMAGE_SIZES = 3  # five predict no better, see BUILD_NOTES.md
_PART = 96  # models that are measured, and kept, together
_NUM_ANCHORS = 8  # models of the first part that every other measures again
_USUAL_DOUBTS = 0.1  # share of the pieces: some take a few microseconds, which vary
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
        settings: How to measure; each piece is run once a round, without
            warm-up, whatever they say.
        image_sizes: Image sizes to measure; all of the space, or three evenly
            spread ones if it has more. Others are interpolated.
        on_progress: Called with pieces done and pieces in all.
        lowering: Names of the rewrites that `convert_piece` applies; recorded.
        part_path: File that keeps what is measured; the next call continues with
            it. It is for the caller to delete, once the table is in safety.

    Raises:
        InputError: If an image size is not of the space, a piece fails or the
            device is lost.
    """
    sizes = _image_sizes(space, image_sizes)
    settings = dataclasses.replace(settings, warmup_runs=0, num_runs=1, measure_peak_ram=False)
    pieces: dict[Label, Piece] = {(OVERHEAD, 1): Piece(OVERHEAD, 8)}
    for piece, spatial in distinct_pieces(space, sizes):
        pieces |= {(piece.key, size): piece for size in spatial}
    facts = {
        "space": space.to_dict(),
        "num_classes": num_classes,
        "precision": precision,
        "settings": {name: value for name, value in settings.to_dict().items() if name not in _FREE_SETTINGS},
        "image_sizes": list(sizes),
        "lowering": list(lowering),
        "device": device.describe(),
    }
    facts = json.loads(json.dumps(facts))  # as they will come back from the file
    known, measured_on = _load_part(part_path, facts)
    # Shuffled, so that the pieces of a round are as mixed as those of a network.
    labels = [list(pieces)[index] for index in np.random.default_rng(0).permutation(len(pieces))]
    failed: dict[Label, str] = {}
    for start in range(0, len(labels), _PART):
        part = [label for label in labels[start : start + _PART] if label not in known]
        if part:
            anchors = [label for label in labels[:_NUM_ANCHORS] if label in known]
            # The anchors first: should the time run out, what was measured without them could not be brought in.
            measured, errors, measured_on = _measure([*anchors, *part], pieces, device, convert_piece, settings)
            failed |= {label: error for label, error in errors.items() if label in part}
            ratios = [known[label] / measured[label] for label in anchors if label in measured]
            if ratios or not anchors:
                pace = float(np.median(ratios)) if ratios else 1.0
                known |= {label: pace * measured[label] for label in part if label in measured}
                _save_part(part_path, facts, known, measured_on)
            else:
                failed |= dict.fromkeys(part, f"none of its anchors ran: {errors[anchors[0]]}")
        if on_progress is not None:
            on_progress(min(start + _PART, len(labels)), len(labels))
    if failed:
        (key, size), error = next(iter(failed.items()))
        raise InputError(
            f"Expected all {len(pieces)} pieces of {space.name} to run on the device {device.id!r}. "
            f"Received: {key}@{size}: {error} (and {len(failed) - 1} more failures)."
        )
    overhead_ms = known[(OVERHEAD, 1)]
    entries: dict[str, dict[int, float]] = {}
    for key, size in list(pieces)[1:]:
        entries.setdefault(key, {})[size] = max(known[(key, size)] - overhead_ms, 0.0)
    return LatencyTable(
        space,
        num_classes,
        precision,
        measured_on,
        settings.to_dict(),
        sizes,
        overhead_ms,
        entries,
        lowering=tuple(lowering),
    )


def _measure(
    labels: Sequence[Label],
    pieces: Mapping[Label, Piece],
    device: Device,
    convert_piece: Callable[[Piece, int], bytes],
    settings: BenchmarkSettings,
) -> tuple[dict[Label, float], dict[Label, str], dict[str, Any]]:
    """Latencies, what failed and why, and the facts about the device."""
    models = []
    for key, size in labels:
        piece = pieces[key, size]
        models.append(BenchmarkModel(f"{key}@{size}", convert_piece(piece, size), (1, size, size, piece.in_channels)))
    latencies, errors, num_doubtful = {}, {}, 0
    measurements = device.measure(models, settings)
    for label, measurement in zip(labels, measurements, strict=True):
        if measurement.latency_ms is None:
            errors[label] = measurement.error or "not measured"
        else:
            latencies[label] = measurement.latency_ms
            num_doubtful += measurement.doubt is not None
    if num_doubtful > len(labels) * _USUAL_DOUBTS:
        announce(
            f"{num_doubtful} of {len(labels)} pieces ran unevenly on {device.id}; see what the table's report says"
        )
    return latencies, errors, measurements[0].device


def _save_part(
    path: Path | None, facts: Mapping[str, Any], known: Mapping[Label, float], measured_on: Mapping[str, Any]
) -> None:
    if path is not None:
        rows = [[key, size, latency_ms] for (key, size), latency_ms in known.items()]
        io.write_json(path, _KIND, {"facts": facts, "measured_on": measured_on, "latencies_ms": rows})


def _load_part(path: Path | None, facts: Mapping[str, Any]) -> tuple[dict[Label, float], dict[str, Any]]:
    """What an earlier call measured under the same circumstances, and the facts about the device."""
    if path is None or not path.exists():
        return {}, {}
    document = io.read_json(path, _KIND, hint="Delete it to begin again.")
    if document.get("facts") != facts:
        announce(f"{path} was measured under other circumstances; measuring all again")
        return {}, {}
    known = {(str(key), int(size)): float(latency_ms) for key, size, latency_ms in document["latencies_ms"]}
    announce(f"{len(known)} pieces are known from {path}")
    return known, document["measured_on"]


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
