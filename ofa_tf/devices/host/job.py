"""`Job`: what a measuring process is given to do."""

import dataclasses
import json
from collections.abc import Sequence

from ofa_tf.devices.device import BenchmarkSettings


@dataclasses.dataclass(frozen=True)
class JobModel:
    """A model to measure.

    Args:
        path: Its file.
        input_shape: Shape to give the first input; `None` keeps the model's own.
    """

    path: str
    input_shape: Sequence[int] | None = None


@dataclasses.dataclass(frozen=True)
class Job:
    """What to measure, and how.

    Args:
        models: The models.
        settings: How they are measured.
        affinity: Numbers of the cores to run on; `None`: any.
    """

    models: Sequence[JobModel]
    settings: BenchmarkSettings
    affinity: list[int] | None = None

    def part(self, indices: Sequence[int]) -> "Job":
        """The same with some of the models only."""
        models = [self.models[index] for index in indices]
        return dataclasses.replace(self, models=models)

    def without_memory(self) -> "Job":
        """The same, but for the memory of the models, which is not measured."""
        settings = dataclasses.replace(self.settings, measure_peak_ram=False)
        return dataclasses.replace(self, settings=settings)

    def to_json(self) -> str:
        """The job as a process reads it from stdin."""
        return json.dumps(dataclasses.asdict(self))

    @classmethod
    def from_json(cls, text: str) -> "Job":
        """The job that `to_json` wrote."""
        values = json.loads(text)
        return cls(
            models=[JobModel(**model) for model in values["models"]],
            settings=BenchmarkSettings(**values["settings"]),
            affinity=values["affinity"],
        )
