"""`ElasticUse`: what a program has to know of an elastic file, to choose among its models and to use each."""

import dataclasses
from collections.abc import Mapping
from typing import Any

from ofa_tf.tflite.snippets.model_use import ModelUse


@dataclasses.dataclass(frozen=True)
class ElasticUse:
    """How to use an elastic file.

    Args:
        models: How to use each model, by their signatures, from the smallest to the largest. File,
            labels and accelerators are the same for all.
    """

    models: Mapping[str, ModelUse]

    @classmethod
    def from_facts(cls, file_name: str, facts: Mapping[str, Any]) -> "ElasticUse":
        """That of an elastic file of a name, as `describe_model` tells of it.

        Raises:
            InputError: If the facts contradict each other.
        """
        models = {}
        for signature, own_facts in facts["signatures"].items():
            models[signature] = ModelUse.from_facts(file_name, {**facts, **own_facts})
        return cls(models)

    @property
    def smallest(self) -> ModelUse:
        """How to use the smallest model; for what is the same in all, too."""
        return next(iter(self.models.values()))

    @property
    def knows_crop(self) -> bool:
        """Whether it is known of each model what is cut out of an image first."""
        return all(use.knows_crop for use in self.models.values())
