"""`SearchTask` and `FoundArch`: what a search for one latency budget is given, and what it returns.

Loads no TensorFlow.
"""

import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ofa_tf.base.errors import InputError
from ofa_tf.latency.latency_model import LatencyModel
from ofa_tf.space.arch import Arch
from ofa_tf.studies.nas.search_state import SearchState
from ofa_tf.training.config import PhaseConfig, TrainConfig


@dataclasses.dataclass(frozen=True)
class SearchTask:
    """What is looked for, and from what.

    Args:
        config: Search space, data set, and how the networks of the space are trained; its seed decides every random
            choice.
        recipe: How long weights are trained, and with which learning rate.
        latency_model: Predicts latencies.
        budget_ms: What the subnet may take at most, as predicted, milliseconds.
        max_processor_seconds: Seconds of processor time after which no further network is trained, of a method that
            trains one network after the other; others go on for as long as `recipe` says.
        state_path: Where the search keeps what it has come to, after each epoch or network; `None`: nowhere.

    Raises:
        InputError: If not even the smallest subnet is within the budget.
    """

    config: TrainConfig
    recipe: PhaseConfig
    latency_model: LatencyModel
    budget_ms: float
    max_processor_seconds: float | None = None
    state_path: Path | None = None

    def __post_init__(self) -> None:
        space = self.config.search_space
        smallest_ms = float(self.latency_model.predict(space.smallest()))
        if not self.budget_ms >= smallest_ms:
            raise InputError(
                f"Expected a latency budget of at least {smallest_ms:.4g} ms, that of the smallest subnet of "
                f"{space.name}. Received: {self.budget_ms:g} ms. Allow more."
            )

    def open_state(self, method: str) -> SearchState:
        """The state of a search by a method, begun or not."""
        space = self.config.search_space
        # A table that was measured again predicts other latencies of these two, and is another search's.
        predicted_ms = [float(self.latency_model.predict(arch)) for arch in (space.smallest(), space.largest())]
        facts = {
            "method": method,
            "space": self.config.space,
            "dataset": self.config.dataset,
            "seed": self.config.seed,
            "recipe": dataclasses.asdict(self.recipe),
            "budget_ms": self.budget_ms,
            "predicted_ms": predicted_ms,
        }
        return SearchState(self.state_path, facts)


@dataclasses.dataclass(frozen=True)
class FoundArch:
    """What was found.

    Args:
        arch: The subnet.
        notes: How, as JSON-serialisable data.
    """

    arch: Arch
    notes: Mapping[str, Any] = dataclasses.field(default_factory=dict)
