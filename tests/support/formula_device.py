"""A device that measures nothing, and models of pieces that it does not look at."""

import dataclasses
from collections.abc import Sequence
from pathlib import Path

from ofa_tf.devices.device import BenchmarkModel, BenchmarkSettings, Measurement, Progress
from ofa_tf.devices.device_facts import CHOSEN_FACTS, DeviceFacts
from ofa_tf.latency.piece_models import PieceModels
from ofa_tf.space.search_space import SearchSpace
from ofa_tf.tflite.graph.input_format import NORMALIZED
from ofa_tf.tflite.quantization.model_form import FLOAT32_ON_CPU

_OVERHEAD_MS = 0.25


class FormulaDevice:
    """Measures nothing: a latency follows from the name and the input size of a model.

    That of a whole network, which has the input size that it was converted for, follows
    from the size of its file.
    """

    id = "formula"
    facts_that_tell_tables_apart = CHOSEN_FACTS

    def __init__(self, failing: str = "") -> None:
        self.failing = failing
        self.models: list[BenchmarkModel] = []
        self.num_calls = 0
        self.settings: BenchmarkSettings | None = None

    def known_facts(self) -> DeviceFacts:
        return self.describe()

    def describe(self) -> DeviceFacts:
        return DeviceFacts(device=self.id, abi="paper")

    def measure(
        self, models: Sequence[BenchmarkModel], settings: BenchmarkSettings, on_progress: Progress | None = None
    ) -> list[Measurement]:
        self.models += models
        self.num_calls += 1
        self.settings = settings
        if on_progress is not None:
            on_progress(1, 1)
        device = dataclasses.replace(self.describe(), num_threads=settings.num_threads).to_dict()
        return [self._measure(model, device) for model in models]

    def _measure(self, model: BenchmarkModel, device: dict) -> Measurement:
        if self.failing and model.name.startswith(self.failing):
            return Measurement(model.name, None, device=device, error="it broke")
        if model.input_shape is None:
            latency_ms = _OVERHEAD_MS + self.network_ms(model)
        else:
            latency_ms = _OVERHEAD_MS + self.piece_ms(model.name.split("@")[0], model.input_shape[1])
        return Measurement(
            model.name,
            latency_ms,
            latency_low_ms=latency_ms,
            latency_high_ms=latency_ms,
            latency_p5_ms=latency_ms,
            latency_p95_ms=latency_ms,
            num_runs=1,
            device=device,
        )

    @staticmethod
    def network_ms(model: BenchmarkModel) -> float:
        """Linear in the size of the file, as most latencies are larger for larger networks."""
        content = model.content
        if isinstance(content, Path):
            content = content.read_bytes()
        return 1e-5 * len(content)

    @staticmethod
    def piece_ms(key: str, size: int) -> float:
        """Linear in the number of pixels, and different for each piece."""
        return 0.0 if key == "overhead" else (1 + sum(map(ord, key)) % 97) * 1e-3 + 1e-5 * len(key) * size**2


def piece_models(space: SearchSpace, num_classes: int) -> PieceModels:
    """Empty models: the device above does not look at them."""
    return PieceModels(space, num_classes, FLOAT32_ON_CPU, (NORMALIZED,), lambda piece, size: b"")
