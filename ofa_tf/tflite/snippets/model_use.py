"""`ModelUse`: what a program has to know of a model, to give it images and to read its answers."""

import dataclasses
from collections.abc import Mapping
from typing import Any

import numpy as np

from ofa_tf.tflite.graph.input_format import NORMALIZED, InputFormat
from ofa_tf.tflite.graph.output_format import OutputFormat
from ofa_tf.tflite.lowering.targets import CPU, TARGETS


@dataclasses.dataclass(frozen=True)
class TensorUse:
    """What the numbers in a tensor mean.

    Args:
        dtype: Name of their type: `"float32"`, or that of an integer.
        scale: Of integers: value of a step; `None` for floats.
        zero_point: Of integers: what stands for 0.
    """

    dtype: str
    scale: float | None = None
    zero_point: int = 0

    @classmethod
    def from_facts(cls, facts: Mapping[str, Any]) -> "TensorUse":
        """That of a tensor as `TFLiteModel.describe_tensors` has it."""
        if "scale" not in facts:
            return cls(facts["dtype"])
        # A scale of 0 says that the integers stand for themselves.
        return cls(facts["dtype"], float(facts["scale"]) or 1.0, int(facts["zero_point"]))

    @property
    def is_integer(self) -> bool:
        """Whether the numbers are integers."""
        return self.scale is not None

    @property
    def limits(self) -> tuple[int, int]:
        """The least and the largest integer that the tensor can hold."""
        info = np.iinfo(self.dtype)
        return int(info.min), int(info.max)


@dataclasses.dataclass(frozen=True)
class ModelUse:
    """How to use a model.

    Args:
        file_name: Name of the model's file.
        image_size: Height and width of the image that it takes, pixels.
        labels: Names of the classes, in the order of the output.
        input_format: What it takes as an image.
        input_tensor: Its input.
        output_tensor: Its output.
        knows_crop: Whether it is known what is cut out of an image first.
        crop_fraction: Side of the central square that is cut out over the image's shorter
            side; `None`: the whole image is squeezed into a square.
        has_softmax: Whether the output are probabilities instead of logits.
        accelerators: What LiteRT calls the hardware that runs it on a phone, the best first.
    """

    file_name: str
    image_size: int
    labels: tuple[str, ...]
    input_format: InputFormat
    input_tensor: TensorUse
    output_tensor: TensorUse
    knows_crop: bool = True
    crop_fraction: float | None = None
    has_softmax: bool = False
    accelerators: tuple[str, ...] = CPU.accelerators

    @classmethod
    def from_facts(cls, file_name: str, facts: Mapping[str, Any]) -> "ModelUse":
        """That of a model in a file of a name, as `describe_model` tells of it.

        Raises:
            InputError: If the facts contradict each other.
        """
        labels = facts.get("class_names")
        if labels is None:
            labels = [f"class {index}" for index in range(facts["num_classes"])]
        preprocessing = facts.get("preprocessing")
        target = str(facts.get("target", CPU.name))
        accelerators = TARGETS[target].accelerators if target in TARGETS else CPU.accelerators
        return cls(
            file_name=file_name,
            image_size=int(facts["image_size"]),
            labels=tuple(labels),
            input_format=InputFormat.from_facts(facts),
            input_tensor=TensorUse.from_facts(facts["input_tensor"]),
            output_tensor=TensorUse.from_facts(facts["output_tensor"]),
            knows_crop=preprocessing is not None,
            crop_fraction=(preprocessing or {}).get("crop_fraction"),
            has_softmax=OutputFormat.from_facts(facts).has_softmax,
            accelerators=accelerators,
        )

    @property
    def pixel_mean(self) -> tuple[float, ...]:
        """What is subtracted from red, green and blue, 0 to 255, before `pixel_std` divides what the model takes."""
        if self.input_format.input_type == NORMALIZED:
            return self.input_format.mean
        return (0.0, 0.0, 0.0)

    @property
    def pixel_std(self) -> tuple[float, ...]:
        """See `pixel_mean`."""
        if self.input_format.input_type == NORMALIZED:
            return self.input_format.std
        largest = 1.0 if self.input_format.is_uint8 else 255.0
        return (largest, largest, largest)
