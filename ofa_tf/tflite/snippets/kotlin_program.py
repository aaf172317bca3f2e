"""A Kotlin file that uses a model in an Android app, with LiteRT's CompiledModel and CameraX."""

import numpy as np

from ofa_tf.base.errors import InputError
from ofa_tf.tflite.litert.interpreter import SMALLEST_PROBABILITY
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


def kotlin_program(use: ModelUse) -> str:
    """A class from a bitmap, or from what the camera sees, to the most likely classes.

    Args:
        use: How to use the model.

    Raises:
        InputError: If the model takes or gives integers that LiteRT's Kotlin buffers do not
            know, or is for no phone.
    """
    for tensor in (use.input_tensor, use.output_tensor):
        _check_dtype(tensor)
    crop_comment = "" if use.knows_crop else _UNKNOWN_CROP
    return fill_template(
        "Classifier.kt.txt",
        {
            "ACCELERATORS": _accelerators(use),
            "MODEL": _quote(use.file_name),
            "LABELS": fill_lines(use.labels, _quote),
            "IMAGE_SIZE": str(use.image_size),
            "CROP_COMMENT": crop_comment,
            "CROP_FRACTION": _number_or_null(use.crop_fraction),
            "INPUT": _input_lines(use),
            "LOG_IMPORT": _LOG_IMPORT if use.has_softmax else "",
            "WRITE_INPUT": _write_input(use.input_tensor),
            "READ_OUTPUT": _read_output(use),
        },
    )


def _accelerators(use: ModelUse) -> str:
    """What runs the model, and what then runs what that does not take."""
    if not use.accelerators:
        raise InputError(
            "Expected a model for phones, with --snippet=kotlin. Received: one for hardware that no app runs on. "
            "Export it with --target=cpu."
        )
    return ", ".join(f"Accelerator.{name}" for name in use.accelerators)


def _check_dtype(tensor: TensorUse) -> None:
    if tensor.dtype not in _DTYPES:
        raise InputError(
            f"Expected a model whose input and output are {', '.join(_DTYPES)}, with --snippet=kotlin: LiteRT's "
            f"buffers have no others in Kotlin. Received: {tensor.dtype}. Export it with another --quantization, such "
            "as int8."
        )


def _input_lines(use: ModelUse) -> str:
    """The constants and functions from a pixel to what the input tensor holds."""
    input_format = use.input_format
    if input_format.is_uint8:
        lines = ["private fun inputValue(pixel: Float, channel: Int): Float = pixel"]
    elif input_format.input_type == "float32":
        lines = ["private fun inputValue(pixel: Float, channel: Int): Float = pixel / 255f"]
    else:
        lines = [
            f"private val MEAN = floatArrayOf({', '.join(map(_number, input_format.mean))})",
            f"private val STD = floatArrayOf({', '.join(map(_number, input_format.std))})",
            "",
            "private fun inputValue(pixel: Float, channel: Int): Float = (pixel - MEAN[channel]) / STD[channel]",
        ]
    comment = "/** What the model takes in place of a pixel, from 0 to 255, of a colour: red, green, blue. */"
    lines.insert(len(lines) - 1, comment)
    tensor = use.input_tensor
    if tensor.scale is not None:
        least, largest = tensor.limits
        lines += [
            "",
            f"/** The {tensor.dtype} number that stands for a value. */",
            "private fun quantize(value: Float): Byte {",
            f"    val steps = round(value / {_number(tensor.scale)}) + {tensor.zero_point}",
            f"    return steps.coerceIn({least}f, {largest}f).toInt().toByte()",
            "}",
        ]
    return "\n".join(lines)


def _write_input(tensor: TensorUse) -> str:
    if not tensor.is_integer:
        return "inputs[0].writeFloat(FloatArray(pixels.size) { inputValue(pixels[it], it % 3) })"
    return "inputs[0].writeInt8(ByteArray(pixels.size) { quantize(inputValue(pixels[it], it % 3)) })"


def _read_output(use: ModelUse) -> str:
    """The lines from what the output tensor holds to logits."""
    tensor = use.output_tensor
    if use.has_softmax:
        lines = [
            "// The model gives shares of 1; their logarithms are logits.",
            "val shares = outputs[0].readFloat()",
            f"return FloatArray(shares.size) {{ ln(max(shares[it], {SMALLEST_PROBABILITY!r}f)) }}",
        ]
        return "\n        ".join(lines)
    if tensor.scale is None:
        return "return outputs[0].readFloat()"
    step = "steps[it].toInt()"
    if tensor.dtype == "uint8":
        step = "(steps[it].toInt() and 255)"
    scale = _number(tensor.scale)
    lines = [
        "val steps = outputs[0].readInt8()",
        f"        return FloatArray(steps.size) {{ ({step} - ({tensor.zero_point})) * {scale} }}",
    ]
    return "\n".join(lines)


def _quote(text: str) -> str:
    """A text as a literal."""
    escaped = "".join(_ESCAPES.get(letter, letter) for letter in text)
    return f'"{escaped}"'


def _number(value: float) -> str:
    """A number as a literal of a Float, which is of 32 bits."""
    shortest = np.format_float_positional(np.float32(value), unique=True, trim="0")
    return f"{shortest}f"


def _number_or_null(value: float | None) -> str:
    if value is None:
        return "null"
    return _number(value)
