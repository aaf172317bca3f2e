"""What all Python programs have in common: the text around a classifier."""

from ofa_tf.tflite.snippets.template import fill_lines, fill_template

_UNKNOWN_CROP = (
    "# What was cut out of the test images is not known; if it was the middle, give the square's side over the\n"
    "# image's shorter side, such as 0.875.\n"
)


def common() -> str:
    """What is the same whatever a program's classifier does: the pixels, and printing the shares of the classes."""
    return fill_template("common.py.txt", {}).rstrip("\n")


def crop_comment(knows_crop: bool) -> str:
    """What stands above the crop where it is not known."""
    return "" if knows_crop else _UNKNOWN_CROP


def labels(names: tuple[str, ...]) -> str:
    """The lines of a list of names."""
    return f"{fill_lines(names, repr)},"
