"""`TFLiteModel`: running a TFLite model on arrays of images."""

import contextlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ofa_tf.base.errors import InputError
from ofa_tf.base.native_output import withheld_stderr
from ofa_tf.tflite.graph.input_format import InputFormat
from ofa_tf.tflite.graph.output_format import OutputFormat
from ofa_tf.tflite.litert.merged_model import INPUT_NAME, OUTPUT_NAME
from ofa_tf.tflite.litert.metadata import find_metadata, read_metadata, read_tflite

# What counts as much for a probability; float32 becomes inexact below 1e-38.
SMALLEST_PROBABILITY = 1e-30

_Tensor = dict[str, Any]  # details of a tensor, as the interpreter gives them


class TFLiteModel:
    """A TFLite classifier as a function from normalised images to float logits.

    Takes care of the interpreter, of what the model takes and gives for an image (which
    its metadata say), and of quantizing inputs and dequantizing outputs, so that all
    models are used alike.

    Args:
        model: Content of a `.tflite` file, or its path.
        num_threads: Threads of the interpreter.
        signature: Which model of an elastic file; not for others.

    Raises:
        InputError: If the file is missing, damaged, not TFLite or not a model
            of one input of shape `(1, size, size, channels)` and one output of
            shape `(1, classes)`; if it is elastic, and `signature` is none of its
            signatures.
    """

    def __init__(self, model: bytes | str | Path, num_threads: int = 1, signature: str | None = None) -> None:
        _check_num_threads(num_threads)
        content, name = read_tflite(model)
        interpreter = create_interpreter(content, name, num_threads)
        self._open(interpreter, find_facts(content, name, signature), name, signature)

    @classmethod
    def open_all(cls, model: bytes | str | Path, num_threads: int = 1) -> "dict[str, TFLiteModel]":
        """The models of an elastic file, by their signatures, in one interpreter.

        An interpreter keeps the file and the packed weights of all signatures in memory. What the
        models share, they must not use at the same time.

        Args:
            model: Content of the `.tflite` file, or its path.
            num_threads: Threads of the interpreter.

        Raises:
            InputError: If the file is missing, damaged or not elastic.
        """
        _check_num_threads(num_threads)
        content, name = read_tflite(model)
        interpreter = create_interpreter(content, name, num_threads)
        signatures = (find_metadata(content, name) or {}).get("signatures")
        if signatures is None:
            raise InputError(
                f"Expected {name} to be an elastic file, which tools/to_tflite.py --elastic writes. "
                "Received: a file of one model. Open it as a TFLiteModel."
            )
        models = {}
        for signature in signatures:
            models[signature] = cls.__new__(cls)
            models[signature]._open(interpreter, find_facts(content, name, signature), name, signature)
        return models

    def _open(self, interpreter: Any, facts: dict[str, Any], name: str, signature: str | None) -> None:
        """Take a model of an interpreter; `facts` is what the metadata say of it."""
        self._interpreter = interpreter
        self._runner = None if signature is None else interpreter.get_signature_runner(signature)
        inputs, outputs = self._describe_ends()
        _check_is_classifier(inputs, outputs, name)
        self._input, self._output = inputs[0], outputs[0]
        self.input_format = InputFormat.from_facts(facts)
        self.output_format = OutputFormat.from_facts(facts)

    @property
    def image_size(self) -> int:
        """Input height and width, pixels."""
        return int(self._input["shape"][1])

    @property
    def num_classes(self) -> int:
        """Number of logits."""
        return int(self._output["shape"][1])

    @property
    def input_dtype(self) -> np.dtype:
        """Type of the model's own input, such as int8."""
        return np.dtype(self._input["dtype"])

    @property
    def output_dtype(self) -> np.dtype:
        """Type of the model's own output, such as int8."""
        return np.dtype(self._output["dtype"])

    def describe_tensors(self) -> dict[str, dict[str, Any]]:
        """Shape and type of the input and the output, with what their integers mean: `(q - zero_point) * scale`."""
        return {
            "input_tensor": _describe(self._input),
            "output_tensor": _describe(self._output),
        }

    def predict(self, images: np.ndarray) -> np.ndarray:
        """Run the model on images, one by one.

        Args:
            images: Normalised images, float, shape `(n, image_size, image_size, 3)`.

        Returns:
            float32 logits of shape `(n, num_classes)`; of a model that gives probabilities
            their logarithms, which are logits, too.

        Raises:
            InputError: If the images have another shape or are not float.
        """
        images = np.asarray(images)
        self._check_images(images)
        logits = np.empty((len(images), self.num_classes), np.float32)
        for index in range(len(images)):
            image = self.input_format.denormalize(images[index : index + 1])
            (output,) = self._run(quantize(image, self._input))
            logits[index] = dequantize(output, self._output)
        if self.output_format.has_softmax:
            logits = np.log(np.maximum(logits, SMALLEST_PROBABILITY))
        return logits

    def _describe_ends(self) -> tuple[list[_Tensor], list[_Tensor]]:
        """Details of the inputs and the outputs."""
        if self._runner is None:
            return self._interpreter.get_input_details(), self._interpreter.get_output_details()
        return list(self._runner.get_input_details().values()), list(self._runner.get_output_details().values())

    def _run(self, image: np.ndarray) -> np.ndarray:
        """What the output holds for what the input holds."""
        if self._runner is not None:
            outputs = self._runner(**{INPUT_NAME: image})
            return np.asarray(outputs[OUTPUT_NAME])
        self._interpreter.set_tensor(self._input["index"], image)
        self._interpreter.invoke()
        return np.asarray(self._interpreter.get_tensor(self._output["index"]))

    def _check_images(self, images: np.ndarray) -> None:
        expected = _shape(self._input)[1:]
        has_shape = images.ndim == 4 and images.shape[1:] == expected
        if not has_shape or not np.issubdtype(images.dtype, np.floating):
            raise InputError(
                f"Expected `images` to be float and of shape (n, {', '.join(map(str, expected))}). "
                f"Received: {images.dtype} of shape {images.shape}. Resize and normalise them first."
            )


def _check_num_threads(num_threads: int) -> None:
    if num_threads < 1:
        raise InputError(f"Expected `num_threads` to be at least 1. Received: num_threads={num_threads}.")


def find_facts(content: bytes, name: str, signature: str | None) -> dict[str, Any]:
    """What the metadata of a model say of it, or of one of an elastic file; nothing if there are none.

    Args:
        content: Content of the `.tflite` file.
        name: What a message calls it.
        signature: Which model of an elastic file; `None` for others.

    Raises:
        InputError: If the file is damaged, or has no such signature, or is elastic and none is given.
    """
    facts = find_metadata(content, name) or {}
    signatures = facts.get("signatures", {})
    if signature is None and not signatures:
        return facts
    if signature not in signatures:
        known = f"one of {list(signatures)}, as {name} is elastic" if signatures else f"none: {name} is not elastic"
        raise InputError(f"Expected `signature` to be {known}. Received: signature={signature!r}.")
    return {**facts, **signatures[signature]}


def describe_model(path: str | Path) -> dict[str, Any]:
    """All that is known of a model file: its metadata, and its input and output; of an elastic one, of each signature.

    Raises:
        InputError: If the file is missing, damaged or not one that
            tools/to_tflite.py wrote.
    """
    metadata = read_metadata(path)
    if "signatures" in metadata:
        signatures = {}
        for name, model in TFLiteModel.open_all(path).items():
            signatures[name] = {**metadata["signatures"][name], **model.describe_tensors()}
        return {**metadata, "signatures": signatures}
    tensors = TFLiteModel(path).describe_tensors()  # which notices more of what may be damaged
    return {**metadata, **tensors}


def create_interpreter(content: bytes, name: str, num_threads: int = 1) -> Any:
    """A LiteRT interpreter, ready to run.

    Raises:
        InputError: If LiteRT cannot run the model.
    """
    from ai_edge_litert.interpreter import Interpreter

    with _refusing(name):
        interpreter = Interpreter(model_content=content, num_threads=num_threads)
        interpreter.allocate_tensors()
    return interpreter


def create_undelegated_interpreter(content: bytes, name: str = "the model", *, keeps_tensors: bool = True) -> Any:
    """A LiteRT interpreter without a delegate, on one thread; its memory is not allocated yet.

    Args:
        content: Content of a `.tflite` file.
        name: What a message calls the model.
        keeps_tensors: Whether every tensor gets memory of its own, so that it can be
            read after a run. Otherwise tensors share memory, as where a model is used.

    Raises:
        InputError: If LiteRT cannot read the model.
    """
    from ai_edge_litert.interpreter import Interpreter, OpResolverType

    with _refusing(name):
        return Interpreter(
            model_content=content,
            num_threads=1,
            experimental_op_resolver_type=OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES,
            experimental_preserve_all_tensors=keeps_tensors,
        )


@contextlib.contextmanager
def _refusing(name: str) -> Iterator[None]:
    """Refuse a model that LiteRT raises for inside the block."""
    try:
        with withheld_stderr():
            yield
    except (ValueError, RuntimeError) as error:
        raise InputError(
            f"Expected {name} to be a complete TFLite file that LiteRT can run. Received: {_one_line(error)}. "
            "Write it again with tools/to_tflite.py."
        ) from error


def _check_is_classifier(
    inputs: Sequence[_Tensor],
    outputs: Sequence[_Tensor],
    name: str,
) -> None:
    shapes = [_shape(tensor) for tensor in (*inputs, *outputs)]
    if len(inputs) == len(outputs) == 1:
        input_shape, output_shape = shapes
        takes_image = len(input_shape) == 4 and input_shape[:2] == (1, input_shape[2])
        gives_logits = len(output_shape) == 2 and output_shape[0] == 1
        if takes_image and gives_logits:
            return
    raise InputError(
        f"Expected {name} to have one input of shape (1, size, size, channels) and one output of shape "
        f"(1, classes). "
        f"Received: tensors of shape {shapes}. Use a model written by tools/to_tflite.py."
    )


def _shape(tensor: _Tensor) -> tuple[int, ...]:
    return tuple(int(size) for size in tensor["shape"])


def _one_line(error: Exception) -> str:
    words = str(error).split()
    line = " ".join(words).rstrip(".")
    return line or type(error).__name__


def _describe(tensor: _Tensor) -> dict[str, Any]:
    kind = np.dtype(tensor["dtype"])
    facts = {
        "name": tensor["name"],
        "shape": list(_shape(tensor)),
        "dtype": kind.name,
    }
    if not np.issubdtype(kind, np.integer):
        return facts
    scale, zero_point = tensor["quantization"]
    return {**facts, "scale": scale, "zero_point": zero_point}


def quantize(values: np.ndarray, tensor: _Tensor) -> np.ndarray:
    """Float values as a tensor of the interpreter holds them; `tensor` is its details."""
    kind = np.dtype(tensor["dtype"])
    if not np.issubdtype(kind, np.integer):
        return values.astype(kind, copy=False)
    scale, zero_point = tensor["quantization"]
    scale = scale or 1  # 0: the numbers stand for themselves
    steps = np.rint(values / scale) + zero_point
    limits = np.iinfo(tensor["dtype"])
    return np.clip(steps, limits.min, limits.max).astype(kind)


def dequantize(values: np.ndarray, tensor: _Tensor) -> np.ndarray:
    """Float32 values of what a tensor of the interpreter holds; `tensor` is its details."""
    if not np.issubdtype(values.dtype, np.integer):
        return values.astype(np.float32, copy=False)
    scale, zero_point = tensor["quantization"]
    steps = values.astype(np.float32) - zero_point
    return steps * np.float32(scale or 1)
