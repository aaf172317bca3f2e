"""A Kotlin file that uses an elastic file in an Android app: a signature by its name, chosen by a deadline."""

from ofa_tf.tflite.litert.interpreter import SMALLEST_PROBABILITY
from ofa_tf.tflite.snippets import kotlin_text
from ofa_tf.tflite.snippets.elastic_use import ElasticUse
from ofa_tf.tflite.snippets.model_use import ModelUse, TensorUse
from ofa_tf.tflite.snippets.template import fill_template

_CLASSIFIER = "ElasticClassifier"


def elastic_kotlin_program(elastic: ElasticUse) -> str:
    """A class from a bitmap, or from what the camera sees, to the most likely classes within a deadline.

    Args:
        elastic: How to use the file.

    Returns:
        The text of the file.

    Raises:
        InputError: If a model takes or gives integers that LiteRT's Kotlin buffers do not know,
            or is for no phone.
    """
    signatures = []
    for signature, use in elastic.models.items():
        kotlin_text.check_usable(use)
        signatures.append(_signature(signature, use))
    return fill_template(
        "ElasticClassifier.kt.txt",
        {
            "HEADER": kotlin_text.header(elastic.smallest, takes_logarithms=True),
            "CROP_COMMENT": kotlin_text.crop_comment(elastic.knows_crop),
            "SIGNATURES": ",\n".join(signatures),
            "SMALLEST_PROBABILITY": f"{SMALLEST_PROBABILITY!r}f",
            "COMMON": kotlin_text.common(elastic.smallest, _CLASSIFIER),
        },
    )


def _signature(signature: str, use: ModelUse) -> str:
    """The entry of a model."""
    values = {
        "imageSize": str(use.image_size),
        "cropFraction": kotlin_text.number_or_null(use.crop_fraction),
        "mean": kotlin_text.array(use.pixel_mean),
        "std": kotlin_text.array(use.pixel_std),
        "input": _integers(use.input_tensor),
        "output": _integers(use.output_tensor),
        "givesShares": "true" if use.has_softmax else "false",
    }
    lines = [f"        {name} = {value}" for name, value in values.items()]
    return f"    {kotlin_text.quote(signature)} to Signature(\n" + ",\n".join(lines) + "\n    )"


def _integers(tensor: TensorUse) -> str:
    """What a tensor's integers stand for; `null` for floats."""
    if tensor.scale is None:
        return "null"
    least, _ = tensor.limits
    is_signed = "true" if least < 0 else "false"
    return f"Integers({kotlin_text.number(tensor.scale)}, {tensor.zero_point}, isSigned = {is_signed})"
