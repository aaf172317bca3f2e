"""Measuring the latency table of a search space, in batches that are kept.

The pieces are measured in batches, in random order. Each batch measures some pieces of the
first one again, the *anchors*, by which it is brought to the pace that the device had
then: a phone may be warmer, or it may be another day.
"""

import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ofa_tf.base import files
from ofa_tf.base.counts import count_in_words
from ofa_tf.base.errors import InputError
from ofa_tf.devices.device import BenchmarkModel, BenchmarkSettings, Device, Measurement, Progress, check_facts
from ofa_tf.latency.latency_table import LatencyTable
from ofa_tf.latency.piece_measurements import Label, PieceMeasurements, as_json, label_name
from ofa_tf.latency.piece_models import PieceModels
from ofa_tf.latency.pieces import OVERHEAD, Piece, distinct_pieces
from ofa_tf.space.search_space import SearchSpace

_MAX_IMAGE_SIZES = 3  # that are measured unasked; five predict no better
_BATCH_SIZE = 96  # pieces that are measured, and kept, together
_NUM_ANCHORS = 8  # pieces of the first batch that every other measures again
_FREE_SETTINGS = ("time_limit_s", "max_loaded_models")  # a call may continue with others

# A round runs about as many pieces as a network has, each once: a piece then finds its weights and
# input in the caches as it does inside a network. Run several times in a row (warm), sums of pieces
# come out a tenth too small; in rounds of a hundred (from main memory), a third too large.
TABLE_SETTINGS = BenchmarkSettings(
    warmup_runs=0, num_runs=1, rounds=30, min_time_s=4.0, max_loaded_models=24, measure_peak_ram=False
)


def build_latency_table(
    models: PieceModels,
    device: Device,
    *,
    settings: BenchmarkSettings = TABLE_SETTINGS,
    image_sizes: Sequence[int] | None = None,
    on_progress: Progress | None = None,
    unfinished_path: Path | None = None,
) -> LatencyTable:
    """Measure every piece of a search space on a device.

    Args:
        models: The pieces as TFLite models, and what they are of.
        device: Where to measure.
        settings: How to measure. On the host each piece is run once a round, without
            warm-up, whatever they say; phones run it many times in a row.
        image_sizes: Image sizes to measure; all of the space, or three evenly
            spread ones if it has more. Others are interpolated.
        on_progress: Called with pieces done and pieces in all.
        unfinished_path: File that keeps what is measured; the next call continues with
            it. It is for the caller to delete, once the table is in safety.

    Raises:
        InputError: If an image size is not positive, a piece fails, the device is
            lost, or `unfinished_path` is damaged or of other circumstances.
    """
    sizes = _choose_image_sizes(models.space, image_sizes)
    settings = dataclasses.replace(settings, warmup_runs=0, num_runs=1, measure_peak_ram=False)
    pieces = _label_pieces(models, sizes)
    builder = _TableBuilder(models, device, settings, pieces, unfinished_path)
    known = builder.measure_all(_circumstances(models, device, settings, sizes), on_progress)
    if known.failed:
        label, error = next(iter(known.failed.items()))
        raise InputError(
            f"Expected all {len(pieces)} pieces of {models.space.name} to run on the device {device.id!r}. Received: "
            f"{label_name(label)}: {error} (and {len(known.failed) - 1} more failures).{builder.advice()}"
        )
    return LatencyTable(
        space=models.space,
        num_classes=models.num_classes,
        precision=models.form.precision.name,
        target=models.form.target.name,
        device=known.device,
        settings=settings.to_dict(),
        image_sizes=sizes,
        overhead_ms=known.overhead_ms,
        entries=_entries(pieces, known),
        lowering=models.form.lowering,
        doubts=known.doubts,
        conditions=tuple(known.conditions),
    )


def _label_pieces(models: PieceModels, image_sizes: tuple[int, ...]) -> dict[Label, Piece]:
    """The overhead, and every piece at every size of its input."""
    pieces: dict[Label, Piece] = {(OVERHEAD, 1): Piece(OVERHEAD, 8)}
    for piece, input_sizes in distinct_pieces(models.space, image_sizes, models.input_types):
        for size in input_sizes:
            pieces[piece.key, size] = piece
    return pieces


def _entries(pieces: Mapping[Label, Piece], known: PieceMeasurements) -> dict[str, dict[int, float]]:
    """The latencies less the overhead, by key and size, in the order of the pieces."""
    entries: dict[str, dict[int, float]] = {}
    for key, size in pieces:
        if key != OVERHEAD:
            entries.setdefault(key, {})[size] = known.without_overhead((key, size))
    return entries


def _circumstances(
    models: PieceModels, device: Device, settings: BenchmarkSettings, image_sizes: Sequence[int]
) -> dict[str, Any]:
    """What must be alike for measurements to be of one table, as it comes back from a file."""
    fixed_settings = {name: value for name, value in settings.to_dict().items() if name not in _FREE_SETTINGS}
    return as_json(
        {
            "space": models.space.to_dict(),
            "num_classes": models.num_classes,
            "precision": models.form.precision.name,
            "target": models.form.target.name,
            "settings": fixed_settings,
            "image_sizes": image_sizes,
            "lowering": models.form.lowering,
            "device": device.describe().without_address().to_dict(),
            "versions": files.versions(),
        }
    )


class _TableBuilder:
    """Measures what is not known yet, batch by batch."""

    def __init__(
        self,
        models: PieceModels,
        device: Device,
        settings: BenchmarkSettings,
        pieces: Mapping[Label, Piece],
        path: Path | None,
    ) -> None:
        self._models = models
        self._device = device
        self._settings = settings
        self._pieces = pieces
        self._path = path  # of what is measured so far
        self._known = PieceMeasurements()

    def measure_all(self, circumstances: Mapping[str, Any], on_progress: Progress | None) -> PieceMeasurements:
        """Measure what an earlier call left."""
        if self._path is not None:
            self._known = PieceMeasurements.load(self._path, circumstances)
        labels = self._shuffled_labels()
        for start in range(0, len(labels), _BATCH_SIZE):
            end = min(start + _BATCH_SIZE, len(labels))
            batch = [label for label in labels[start:end] if label not in self._known.latencies_ms]
            if batch:
                known_before = [label for label in labels if label in self._known.latencies_ms]
                anchors = known_before[:_NUM_ANCHORS]
                progress = _share_of(on_progress, end - len(batch), end, len(labels))
                self._measure_or_advise(batch, anchors, progress)
                if self._path is not None:
                    self._known.save(self._path, circumstances)
            if on_progress is not None:
                on_progress(end, len(labels))
        return self._known

    def advice(self) -> str:
        """What an error should add about the pieces that are known."""
        num_known = len(self._known.latencies_ms)
        if self._path is None or num_known == 0:
            return ""
        return (
            f" What was measured of {count_in_words(num_known, 'piece')} is kept: the same command goes on with the "
            "others (with a higher --time_limit_s, if it was reached)."
        )

    def _shuffled_labels(self) -> list[Label]:
        """All labels, so mixed that the pieces of a round are like those of a network."""
        labels = list(self._pieces)
        order = np.random.default_rng(0).permutation(len(labels))
        return [labels[index] for index in order]

    def _measure_or_advise(
        self, batch: Sequence[Label], anchors: Sequence[Label], on_progress: Progress | None
    ) -> None:
        """Measure some pieces; an error also says what is kept."""
        try:
            self._measure(batch, anchors, on_progress)
        except InputError as error:
            raise type(error)(f"{error}{self.advice()}") from error

    def _measure(self, batch: Sequence[Label], anchors: Sequence[Label], on_progress: Progress | None) -> None:
        """Measure some pieces, and the anchors, by which they are brought to the pace of the first batch."""
        # The anchors first: should the time run out, what was measured without them could not be brought in.
        labels = [*anchors, *batch]
        models = [self._benchmark_model(label) for label in labels]
        rows = self._device.measure(models, self._settings, on_progress)
        check_facts(self._device, rows)
        measurements = dict(zip(labels, rows, strict=True))
        self._known.add_device(rows[0].device)
        pace = self._pace({label: measurements[label] for label in anchors})
        if pace is None:
            reason = f"none of its anchors ran: {measurements[anchors[0]].error}"
            self._known.failed |= dict.fromkeys(batch, reason)
            return
        self._known.add({label: measurements[label] for label in batch}, pace)

    def _pace(self, anchors: Mapping[Label, Measurement]) -> float | None:
        """What brings latencies to the pace of the first batch; `None` if no anchor ran."""
        if not anchors:
            return 1.0  # this is the first batch
        ratios = []
        for label, row in anchors.items():
            if row.latency_ms is not None:
                ratios.append(self._known.latencies_ms[label] / row.latency_ms)
        if not ratios:
            return None
        return float(np.median(ratios))

    def _benchmark_model(self, label: Label) -> BenchmarkModel:
        _, size = label
        piece = self._pieces[label]
        return BenchmarkModel(
            name=label_name(label),
            content=self._models.convert(piece, size),
            input_shape=(1, size, size, piece.in_channels),
        )


def _share_of(on_progress: Progress | None, start: int, end: int, total: int) -> Progress | None:
    """Reports the steps of a batch, which begins and ends with so many pieces done."""
    if on_progress is None:
        return None
    most = start

    def report(steps: int, num_steps: int) -> None:
        nonlocal most
        done = start + (end - start) * steps // max(num_steps, 1)
        # Repeats make more steps, and the batch counts once it is kept.
        most = max(most, min(done, end - 1))
        on_progress(most, total)

    return report


def _choose_image_sizes(space: SearchSpace, image_sizes: Sequence[int] | None) -> tuple[int, ...]:
    if image_sizes is None:
        choices = space.image_sizes
        if len(choices) <= _MAX_IMAGE_SIZES:
            return choices
        evenly_spread = np.linspace(0, len(choices) - 1, _MAX_IMAGE_SIZES).round().astype(int)
        return tuple(choices[index] for index in evenly_spread)
    sizes = tuple(sorted({int(size) for size in image_sizes}))
    if not sizes or sizes[0] < 1:
        raise InputError(f"Expected `image_sizes` to be positive. Received: {list(image_sizes)}.")
    return sizes
