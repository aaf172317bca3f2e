"""What all Kotlin files have in common: how values are written, and the text around a classifier."""

import numpy as np

from ofa_tf.base.errors import InputError
from ofa_tf.tflite.snippets.model_use import ModelUse, TensorUse
from ofa_tf.tflite.snippets.template import fill_lines, fill_template

# What LiteRT's Kotlin buffers can be written with and read as.
_DTYPES = ("float32", "int8", "uint8")

_UNKNOWN_CROP = (
    "// What was cut out of the test images is not known; if it was the middle, give the square's side over the\n"
    "// image's shorter side, such as 0.875f.\n"
)

_LOG_IMPORT = "import kotlin.math.ln\n"

_ESCAPES = {"\\": "\\\\", '"': '\\"', "$": "\\$", "\n": "\\n", "\r": "\\r", "\t": "\\t"}


def check_usable(use: ModelUse) -> None:
    """Check that an app can use a model.

    Raises:
        InputError: If the model takes or gives integers that LiteRT's Kotlin buffers do not
            know, or is for no phone.
    """
    for tensor in (use.input_tensor, use.output_tensor):
        _check_dtype(tensor)
    if not use.accelerators:
        raise InputError(
            "Expected a model for phones, with --snippet=kotlin. Received: one for hardware that no app runs on. "
            "Export it with --target=cpu."
        )


def header(use: ModelUse, *, takes_logarithms: bool) -> str:
    """What a file begins with, up to the labels.

    Args:
        use: How to use the model, or one of an elastic file.
        takes_logarithms: Whether `ln` is to be imported.
    """
    values = {
        "MODEL": quote(use.file_name),
        "LABELS": fill_lines(use.labels, quote),
        "LOG_IMPORT": _LOG_IMPORT if takes_logarithms else "",
    }
    return fill_template("header.kt.txt", values).rstrip("\n")


def common(use: ModelUse, classifier: str) -> str:
    """What is the same whatever a file's classifier does: the camera, the pixels, the shares of the classes.

    Args:
        use: How to use the model, or one of an elastic file.
        classifier: Name of the class.
    """
    accelerators = [f"Accelerator.{name}" for name in use.accelerators]
    values = {"CLASSIFIER": classifier, "ACCELERATORS": ", ".join(accelerators)}
    return fill_template("common.kt.txt", values).rstrip("\n")


def crop_comment(knows_crop: bool) -> str:
    """What stands above the crop where it is not known."""
    return "" if knows_crop else _UNKNOWN_CROP


def quote(text: str) -> str:
    """A text as a literal."""
    escaped = "".join(_ESCAPES.get(letter, letter) for letter in text)
    return f'"{escaped}"'


def number(value: float) -> str:
    """A number as a literal of a Float, which is of 32 bits."""
    shortest = np.format_float_positional(np.float32(value), unique=True, trim="0")
    return f"{shortest}f"


def number_or_null(value: float | None) -> str:
    """A number as a literal of a Float, or `null` for none."""
    if value is None:
        return "null"
    return number(value)


def array(values: tuple[float, ...]) -> str:
    """Numbers as an array of Floats."""
    return f"floatArrayOf({', '.join(map(number, values))})"


def _check_dtype(tensor: TensorUse) -> None:
    if tensor.dtype not in _DTYPES:
        raise InputError(
            f"Expected a model whose input and output are {', '.join(_DTYPES)}, with --snippet=kotlin: LiteRT's "
            f"buffers have no others in Kotlin. Received: {tensor.dtype}. Export it with another --quantization, such "
            "as int8."
        )
