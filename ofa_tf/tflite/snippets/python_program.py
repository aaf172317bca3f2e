"""A Python program that uses a model, with LiteRT, NumPy and Pillow only."""

from ofa_tf.tflite.litert.interpreter import SMALLEST_PROBABILITY
from ofa_tf.tflite.snippets import python_text
from ofa_tf.tflite.snippets.model_use import ModelUse
from ofa_tf.tflite.snippets.template import fill_template


def python_program(use: ModelUse) -> str:
    """A program from an image file to the most likely classes.

    Args:
        use: How to use the model.

    Returns:
        The program's text.
    """
    return fill_template(
        "classify.py.txt",
        {
            "MODEL": repr(use.file_name),
            "LABELS": python_text.labels(use.labels),
            "IMAGE_SIZE": str(use.image_size),
            "CROP_COMMENT": python_text.crop_comment(use.knows_crop),
            "CROP_FRACTION": repr(use.crop_fraction),
            "COMMON": python_text.common(),
            "TO_INPUT": _to_input(use),
            "TO_LOGITS": _to_logits(use),
        },
    )


def _to_input(use: ModelUse) -> str:
    """The lines from pixels to what the input tensor holds."""
    input_format = use.input_format
    if input_format.is_uint8:
        lines = ["values = pixels"]
    elif input_format.input_type == "float32":
        lines = ["values = pixels / np.float32(255)"]
    else:
        lines = [
            f"mean = np.array({list(input_format.mean)}, np.float32)",
            f"std = np.array({list(input_format.std)}, np.float32)",
            "values = (pixels - mean) / std",
        ]
    tensor = use.input_tensor
    if tensor.is_integer:
        least, largest = tensor.limits
        lines += [
            f"steps = np.rint(values / np.float32({tensor.scale!r})) + {tensor.zero_point}",
            f"return np.clip(steps, {least}, {largest}).astype(np.{tensor.dtype})",
        ]
    else:
        lines.append("return values")
    return "\n".join(f"    {line}" for line in lines)


def _to_logits(use: ModelUse) -> str:
    """The lines from what the output tensor holds to logits."""
    tensor = use.output_tensor
    if use.has_softmax:
        comment = "    # The model gives shares of 1; their logarithms are logits."
        return f"{comment}\n    return np.log(np.maximum(output, {SMALLEST_PROBABILITY!r}))"
    if not tensor.is_integer:
        return "    return output"
    return f"    return (output.astype(np.float32) - {tensor.zero_point}) * np.float32({tensor.scale!r})"
