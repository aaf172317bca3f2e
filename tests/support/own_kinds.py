"""A plugin that registers one thing of every kind that a tool looks up by its name, written as a user may.

For programs: imported by a test, it would make these names known to all other tests of the process.
"""

import dataclasses
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from ofa_tf.devices.device import BenchmarkModel, BenchmarkSettings, Measurement, Progress
from ofa_tf.devices.device_facts import DeviceFacts
from ofa_tf.devices.device_kind import DeviceKind, ListedDevice
from ofa_tf.devices.opening import DEVICE_KINDS
from ofa_tf.search.accuracy_table import AccuracyTable
from ofa_tf.search.constraint_kinds import CONSTRAINT_KINDS, ConstraintKind, CostContext, Measure
from ofa_tf.search.predictors.prediction import Prediction
from ofa_tf.search.predictors.predictor_registry import PREDICTORS
from ofa_tf.space.search_space import SearchSpace
from ofa_tf.tflite.quantization.modes import INT8, QUANTIZATION_MODES
from ofa_tf.tflite.quantization.precisions import PRECISIONS, Precision

# --- an accuracy predictor ----------------------------------------------------


@dataclasses.dataclass(frozen=True)
class OwnPredictor:
    """Thinks that the smaller network is the better one."""

    space: SearchSpace

    @classmethod
    def fit(cls, table: AccuracyTable) -> "OwnPredictor":
        return cls(table.space)

    def refit(self, table: AccuracyTable) -> "OwnPredictor":
        return self.fit(table)

    def predict(self, genes: np.ndarray) -> Prediction:
        mean = 0.5 - 0.01 * self.space.canonical_genes(genes).sum(axis=1)
        return Prediction(mean, np.full(len(genes), 0.01))


PREDICTORS.register("own", OwnPredictor)

# --- a limit of the search ----------------------------------------------------


def _count_blocks(context: CostContext) -> Measure:
    def measure(genes: np.ndarray) -> np.ndarray:
        return context.space.active_blocks(genes).sum(axis=1)

    return measure


CONSTRAINT_KINDS.register("num_blocks", ConstraintKind("Most blocks.", _count_blocks, depends_on_precision=False))

# --- a device -----------------------------------------------------------------


class Board:
    """A board that is not there: a latency follows from the size of the model's file."""

    id = "board"
    facts_that_tell_tables_apart = ("num_threads",)

    def known_facts(self) -> DeviceFacts:
        return DeviceFacts(device=self.id)

    def describe(self) -> DeviceFacts:
        return DeviceFacts(device=self.id, model="imagined")

    def measure(
        self, models: Sequence[BenchmarkModel], settings: BenchmarkSettings, on_progress: Progress | None = None
    ) -> list[Measurement]:
        facts = dataclasses.replace(self.describe(), num_threads=settings.num_threads)
        measurements = []
        for number, model in enumerate(models, start=1):
            content = model.content
            if isinstance(content, Path):
                content = content.read_bytes()
            latency_ms = 1e-6 * (1 + len(content))
            measurements.append(Measurement(model.name, latency_ms, device=facts.to_dict()))
            if on_progress is not None:
                on_progress(number, len(models))
        return measurements


DEVICE_KINDS.register(
    "board",
    DeviceKind(
        forms={"board": ""},
        description="a board",
        options=(),
        open=lambda address: Board(),
        list_all=lambda: [ListedDevice("board", "device")],
    ),
)

# --- a quantization mode, and a precision for tables and searches --------------

OWN_MODE = QUANTIZATION_MODES.register("own", dataclasses.replace(INT8, name="own"))
PRECISIONS.register("own", Precision("own", OWN_MODE))
