"""What `--arch` stands for: archs by file, by name or drawn. Loads neither TensorFlow nor Keras."""

from pathlib import Path

import numpy as np

from ofa_tf.base.errors import InputError
from ofa_tf.space.arch import Arch
from ofa_tf.space.search_space import SearchSpace


def parse_archs(space: SearchSpace, text: str, seed: int = 0) -> dict[str, Arch]:
    """Archs that `--arch` stands for, by name.

    Args:
        space: The search space that they must be of.
        text: Path of an arch JSON file, `min`, `max` or `random:N`.
        seed: Decides the random ones.

    Raises:
        InputError: If it is none of these.
    """
    if text == "min":
        return {"min": space.smallest()}
    if text == "max":
        return {"max": space.largest()}
    if text.startswith("random:"):
        drawn = _draw(space, text, seed)
        return {f"random_{index}": arch for index, arch in enumerate(drawn)}
    if not Path(text).is_file():
        raise InputError(
            f"Expected --arch to be an arch JSON file, min, max or random:N. Received: --arch={text}, which is no "
            "file. Find an arch with tools/search.py."
        )
    arch = Arch.load(text)
    try:
        space.validate(arch)
    except InputError as error:
        raise InputError(f"{text}: {error}") from error
    return {Path(text).stem: arch}


def _draw(space: SearchSpace, text: str, seed: int) -> list[Arch]:
    number = text.removeprefix("random:")
    if not number.isdigit() or int(number) < 1:
        raise InputError(f"Expected --arch=random:N with a whole number N of at least 1. Received: --arch={text}.")
    genes = space.sample_genes(np.random.default_rng(seed), int(number))
    return space.decode(genes)
