"""A Kotlin file that uses a model in an Android app, with LiteRT's CompiledModel and CameraX."""

from ofa_tf.tflite.litert.interpreter import SMALLEST_PROBABILITY
from ofa_tf.tflite.snippets import kotlin_text
from ofa_tf.tflite.snippets.model_use import ModelUse, TensorUse
from ofa_tf.tflite.snippets.template import fill_template

_CLASSIFIER = "Classifier"


def kotlin_program(use: ModelUse) -> str:
    """A class from a bitmap, or from what the camera sees, to the most likely classes.

    Args:
        use: How to use the model.

    Returns:
        The text of the file.

    Raises:
        InputError: If the model takes or gives integers that LiteRT's Kotlin buffers do not
            know, or is for no phone.
    """
    kotlin_text.check_usable(use)
    return fill_template(
        "Classifier.kt.txt",
        {
            "HEADER": kotlin_text.header(use, takes_logarithms=use.has_softmax),
            "IMAGE_SIZE": str(use.image_size),
            "CROP_COMMENT": kotlin_text.crop_comment(use.knows_crop),
            "CROP_FRACTION": kotlin_text.number_or_null(use.crop_fraction),
            "INPUT": _input_lines(use),
            "WRITE_INPUT": _write_input(use.input_tensor),
            "READ_OUTPUT": _read_output(use),
            "COMMON": kotlin_text.common(use, _CLASSIFIER),
        },
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
            f"private val MEAN = {kotlin_text.array(input_format.mean)}",
            f"private val STD = {kotlin_text.array(input_format.std)}",
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
            f"    val steps = round(value / {kotlin_text.number(tensor.scale)}) + {tensor.zero_point}",
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
    scale = kotlin_text.number(tensor.scale)
    lines = [
        "val steps = outputs[0].readInt8()",
        f"        return FloatArray(steps.size) {{ ({step} - ({tensor.zero_point})) * {scale} }}",
    ]
    return "\n".join(lines)
