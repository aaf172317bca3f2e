"""What `--arch` stands for: archs by file, by name or drawn. Loads neither TensorFlow nor Keras."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from ofa_tf.base import files
from ofa_tf.base.errors import InputError
from ofa_tf.space.arch import Arch
from ofa_tf.space.search_space import SearchSpace


def parse_archs(space: SearchSpace, text: str, seed: int = 0) -> dict[str, Arch]:
    """Archs that `--arch` stands for, by name.

    Args:
        space: The search space that they must be of.
        text: Path of a JSON file of an arch or a front, `front.json:N` for the N-th arch of a front, counted from
            0, `min`, `max` or `random:N`.
        seed: Decides the random ones.

    Returns:
        The archs. Those of a front are called by its file and their numbers in it.

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
    path, number = split_arch_text(text)
    if not path.is_file():
        raise InputError(
            "Expected --arch to be an arch JSON file, front.json:N, min, max or random:N. "
            f"Received: --arch={text}, which is no file. Find an arch with tools/search.py."
        )
    archs = _load(path)
    if number is not None:
        archs = _pick(archs, path, number)
    try:
        for arch in archs.values():
            space.validate(arch)
    except InputError as error:
        raise InputError(f"{text}: {error}") from error
    return archs


def parse_arch_list(space: SearchSpace, texts: Sequence[str], seed: int = 0) -> dict[str, Arch]:
    """Archs that a list of names stands for; see `parse_archs`.

    Returns:
        The archs, by name; of two files of one name, the later one is called by its path.

    Raises:
        InputError: If one of the names stands for nothing.
    """
    archs: dict[str, Arch] = {}
    for text in texts:
        for name, arch in parse_archs(space, text, seed).items():
            is_taken = archs.get(name, arch) != arch
            if is_taken:
                name = name.replace(Path(text).stem, text, 1)
            archs[name] = arch
    return archs


def split_arch_text(text: str) -> tuple[Path, int | None]:
    """The file that a name of archs would be read from, and which arch of a front is meant; `None`: all."""
    name, _, number = text.rpartition(":")
    if name and number.isdigit() and not Path(text).is_file():
        return Path(name), int(number)
    return Path(text), None


def _pick(archs: dict[str, Arch], path: Path, number: int) -> dict[str, Arch]:
    """One of the archs of a front."""
    name = _name_in_front(path, number)
    if name not in archs:
        raise InputError(
            f"Expected --arch={path}:N to name an arch of a front, with N from 0 to {len(archs) - 1}. "
            f"Received: --arch={path}:{number}."
        )
    return {name: archs[name]}


def _name_in_front(path: Path, number: int) -> str:
    return f"{path.stem}_{number}"


def _load(path: Path) -> dict[str, Arch]:
    """The arch of a file, or those of a front."""
    document = files.read_json(path)
    if "entries" not in document:
        return {path.stem: Arch.load(path)}
    archs = {}
    try:
        for number, entry in enumerate(document["entries"]):
            archs[_name_in_front(path, number)] = Arch.from_dict(entry["arch"])
    except InputError as error:
        raise InputError(f"{path}: {error}") from error
    except (KeyError, TypeError, ValueError) as error:
        raise InputError(
            f"Expected each of the `entries` of {path} to have an `arch`. Received: {error!r}. "
            "Write a front with tools/search.py."
        ) from error
    return archs


def _draw(space: SearchSpace, text: str, seed: int) -> list[Arch]:
    number = text.removeprefix("random:")
    if not number.isdigit() or int(number) < 1:
        raise InputError(f"Expected --arch=random:N with a whole number N of at least 1. Received: --arch={text}.")
    genes = space.sample_genes(np.random.default_rng(seed), int(number))
    return space.decode(genes)
