"""A Python program that uses an elastic file, with LiteRT, NumPy and Pillow only."""

from ofa_tf.tflite.litert.interpreter import SMALLEST_PROBABILITY
from ofa_tf.tflite.litert.merged_model import INPUT_NAME, OUTPUT_NAME
from ofa_tf.tflite.snippets import python_text
from ofa_tf.tflite.snippets.elastic_use import ElasticUse
from ofa_tf.tflite.snippets.model_use import ModelUse, TensorUse
from ofa_tf.tflite.snippets.template import fill_template


def elastic_python_program(elastic: ElasticUse) -> str:
    """A program from image files to the most likely classes, each within a deadline.

    Args:
        elastic: How to use the file.

    Returns:
        The program's text.
    """
    signatures = [_signature(signature, use) for signature, use in elastic.models.items()]
    return fill_template(
        "classify_elastic.py.txt",
        {
            "MODEL": repr(elastic.smallest.file_name),
            "LABELS": python_text.labels(elastic.smallest.labels),
            "SMALLEST_PROBABILITY": repr(SMALLEST_PROBABILITY),
            "CROP_COMMENT": python_text.crop_comment(elastic.knows_crop),
            "SIGNATURES": "\n".join(signatures),
            "COMMON": python_text.common(),
            "INPUT_NAME": INPUT_NAME,
            "OUTPUT_NAME": OUTPUT_NAME,
        },
    )


def _signature(signature: str, use: ModelUse) -> str:
    """The entry of a model."""
    values = {
        "image_size": use.image_size,
        "crop_fraction": use.crop_fraction,
        "mean": list(use.pixel_mean),
        "std": list(use.pixel_std),
    }
    lines = [f"        {name}={value!r},\n" for name, value in values.items()]
    lines += [
        f"        input={_tensor(use.input_tensor)},\n",
        f"        output={_tensor(use.output_tensor)},\n",
        f"        gives_shares={use.has_softmax!r},\n",
    ]
    return f"    {signature!r}: Signature(\n" + "".join(lines) + "    ),"


def _tensor(tensor: TensorUse) -> str:
    """What the numbers in a tensor are."""
    if tensor.scale is None:
        return f"Tensor({tensor.dtype!r})"
    return f"Tensor({tensor.dtype!r}, {tensor.scale!r}, {tensor.zero_point})"
