"""Whether a device computes what this computer computes: the outputs of both, for the same inputs.

A delegate that is broken on a phone is fast, too. So a few inputs are run on the device, and its outputs are compared
with those of this computer: of XNNPACK, where that runs the model there, else of LiteRT's own kernels.
"""

import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import numpy as np

from ofa_tf.base.errors import InputError
from ofa_tf.devices.device import BenchmarkModel

_NUM_INPUTS = 4

# Of the largest output. Half precision, in which GPUs and neural processors compute, has three digits. Rounding to
# integers differs by a step here and there, where kernels differ: of some thirty int8 models, XNNPACK's outputs are up
# to 0.09 away from those of LiteRT's own kernels.
_LARGEST_ERROR_OF_FLOATS = 1e-4
_LARGEST_ERROR_IN_HALF_PRECISION = 2e-2
_LARGEST_ERROR_OF_ROUNDED_ACTIVATIONS = 5e-2  # which dynamic models round as they come
_LARGEST_ERROR_OF_INTEGERS = 0.2

_XNNPACK = "xnnpack"
_DELEGATES_IN_SINGLE_PRECISION = (_XNNPACK, "none")


@runtime_checkable
class OutputDevice(Protocol):
    """A device that returns what a model gives."""

    @property
    def delegate(self) -> str:
        """Name of who runs the operators there."""

    def check_gives_outputs(self) -> None:
        """Check, before anything is measured, that it can return what models give, as it is used.

        Raises:
            InputError: If it cannot.
        """

    def outputs(self, model: BenchmarkModel, inputs: Sequence[np.ndarray]) -> list[bytes]:
        """What a model gives for some inputs.

        Args:
            model: A model with one input and one output, both of fixed shape.
            inputs: Input tensors, in the model's shape and type.

        Returns:
            The bytes of the output tensor for each.

        Raises:
            InputError: If the device cannot run the model, or another delegate runs it there.
        """


@dataclasses.dataclass(frozen=True)
class OutputCheck:
    """How the outputs of a device compare.

    Args:
        num_inputs: On so many inputs.
        largest_error: Largest difference of an output, over the largest output for the same input.
        allowed_error: How large it may be.
        agreement: Share of inputs with the same largest output.
    """

    num_inputs: int
    largest_error: float
    allowed_error: float
    agreement: float

    @property
    def is_passed(self) -> bool:
        """Whether the device computes what this computer computes."""
        return self.largest_error <= self.allowed_error

    def in_words(self) -> str:
        """In a clause."""
        return (
            f"outputs differ from this computer's by {self.largest_error:.1e} of the largest (at most "
            f"{self.allowed_error:.0e}), the same first class for {self.agreement:.0%} of {self.num_inputs} inputs"
        )


def check_can_give_outputs(device: Any) -> OutputDevice:
    """Check that a device can return what models give.

    Raises:
        InputError: If it cannot.
    """
    if not isinstance(device, OutputDevice):
        raise InputError(
            f"Expected --check with a phone (--device=adb), whose outputs are compared with this computer's. "
            f"Received: --device={device.id}. Leave one of them out."
        )
    device.check_gives_outputs()
    return device


def compare_outputs(device: OutputDevice, model: BenchmarkModel) -> OutputCheck:
    """Run a model on a device and here, on the same random inputs.

    Args:
        device: The device.
        model: A model with one input and one output, both of fixed shape.

    Raises:
        InputError: If it is no such model, or the device cannot run it.
    """
    from ofa_tf.tflite.litert.interpreter import create_interpreter, create_undelegated_interpreter

    content = model.content
    if isinstance(content, Path):
        content = content.read_bytes()
    if device.delegate == _XNNPACK:
        interpreter = create_interpreter(content, model.name)
    else:
        interpreter = create_undelegated_interpreter(content, model.name)
    interpreter.allocate_tensors()
    input_tensor = _only(interpreter.get_input_details(), "input", model.name)
    output_tensor = _only(interpreter.get_output_details(), "output", model.name)
    inputs = _random_inputs(input_tensor)
    received = device.outputs(model, inputs)

    errors = []
    agreements = []
    for values, output_bytes in zip(inputs, received, strict=True):
        interpreter.set_tensor(input_tensor["index"], values)
        interpreter.invoke()
        expected = interpreter.get_tensor(output_tensor["index"])
        given = _as_tensor(output_bytes, expected, model.name)
        errors.append(_relative_error(expected, given, output_tensor))
        agreements.append(expected.argmax() == given.argmax())
    return OutputCheck(
        num_inputs=len(inputs),
        largest_error=float(np.max(errors)),
        allowed_error=_allowed_error(content, device.delegate),
        agreement=float(np.mean(agreements)),
    )


def _only(tensors: Sequence[dict[str, Any]], kind: str, name: str) -> dict[str, Any]:
    if len(tensors) != 1:
        raise InputError(
            f"Expected a model with one {kind}, to check what it gives (--check). Received: {len(tensors)} in {name}. "
            "Leave --check out."
        )
    return tensors[0]


def _random_inputs(tensor: dict[str, Any]) -> list[np.ndarray]:
    """Inputs as a model takes them: numbers like those of normalised images, or all that an integer type holds."""
    rng = np.random.default_rng(0)
    dtype = np.dtype(tensor["dtype"])
    inputs = []
    for _ in range(_NUM_INPUTS):
        if np.issubdtype(dtype, np.integer):
            limits = np.iinfo(dtype)
            inputs.append(rng.integers(limits.min, limits.max, tensor["shape"], dtype=dtype, endpoint=True))
        else:
            inputs.append(rng.standard_normal(tensor["shape"]).astype(dtype))
    return inputs


def _as_tensor(output_bytes: bytes, expected: np.ndarray, name: str) -> np.ndarray:
    if len(output_bytes) != expected.nbytes:
        raise InputError(
            f"Expected the device to give {expected.nbytes} bytes for an input of {name}. Received: "
            f"{len(output_bytes)} bytes. Take another build of benchmark_model."
        )
    return np.frombuffer(output_bytes, expected.dtype).reshape(expected.shape)


def _relative_error(expected: np.ndarray, given: np.ndarray, tensor: dict[str, Any]) -> float:
    """The largest difference, over the largest number that is expected; infinite for what is no number."""
    _, zero_point = tensor["quantization"]
    numbers = expected.astype(np.float64) - zero_point
    differences = np.abs(given.astype(np.float64) - expected)
    largest = max(np.abs(numbers).max(), np.finfo(np.float32).tiny)
    error = float(differences.max() / largest)
    if not np.isfinite(error):
        return np.inf
    return error


def _allowed_error(content: bytes, delegate: str) -> float:
    has_rounded_outputs, has_integer_weights = _find_integers(content)
    if has_rounded_outputs:
        return _LARGEST_ERROR_OF_INTEGERS
    if has_integer_weights:
        return _LARGEST_ERROR_OF_ROUNDED_ACTIVATIONS
    if delegate in _DELEGATES_IN_SINGLE_PRECISION:
        return _LARGEST_ERROR_OF_FLOATS
    return _LARGEST_ERROR_IN_HALF_PRECISION


def _find_integers(content: bytes) -> tuple[bool, bool]:
    """Whether operators of a model give integers, and whether some of its tensors are integers with scales."""
    from ofa_tf.tflite.litert.flatbuffer import unpack_model

    graph = unpack_model(content).subgraphs[0]
    with_scale = set()
    for number, tensor in enumerate(graph.tensors):
        if tensor.quantization is not None and tensor.quantization.scale is not None:
            with_scale.add(number)
    outputs: set[int] = set()
    for operator in graph.operators:
        outputs.update(map(int, operator.outputs))
    has_rounded_outputs = not outputs.isdisjoint(with_scale)
    return has_rounded_outputs, bool(with_scale)
