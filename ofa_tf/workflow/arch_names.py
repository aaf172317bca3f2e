"""What `--arch` stands for: archs by file, by name or drawn. Loads neither TensorFlow nor Keras."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ofa_tf.base import files
from ofa_tf.base.errors import InputError
from ofa_tf.base.progress import tell
from ofa_tf.space.arch import Arch
from ofa_tf.space.search_space import SearchSpace

# Words for an arch, also where there is a folder of that name.
_SMALLEST = "min"
_LARGEST = "max"
_RANDOM = "random:"


def parse_archs(space: SearchSpace, text: str, seed: int = 0) -> dict[str, Arch]:
    """Archs that a name of archs, which is no folder, stands for; for folders see `expand_folders`.

    Args:
        space: The search space that they must be of.
        text: Path of a JSON file of an arch or a front, `front.json:N` for the N-th arch of a front, counted from 0,
            `min`, `max` or `random:N`.
        seed: Decides the random ones.

    Returns:
        The archs. Those of a front are called by its file and their numbers in it.

    Raises:
        InputError: If it is none of these.
    """
    if text == _SMALLEST:
        return {text: space.smallest()}
    if text == _LARGEST:
        return {text: space.largest()}
    if text.startswith(_RANDOM):
        drawn = _draw(space, text, seed)
        return {f"random_{index}": arch for index, arch in enumerate(drawn)}
    path, number = split_arch_text(text)
    if not path.is_file():
        raise _missing_file_error(text)
    archs = _load(path)
    if number is not None:
        archs = _pick(archs, path, number, text)
    try:
        for arch in archs.values():
            space.validate(arch)
    except InputError as error:
        raise InputError(f"{text}: {error}") from error
    return archs


def parse_arch_list(space: SearchSpace, texts: Sequence[str], seed: int = 0) -> dict[str, Arch]:
    """Archs that `--arch` stands for.

    Args:
        space: The search space that they must be of.
        texts: Names of archs, see `parse_archs`, and folders of arch files.
        seed: Decides the random ones.

    Returns:
        The archs, by name; of two files of one name, the later one is called by its path.

    Raises:
        InputError: If one of the names stands for nothing, or two for the same.
    """
    archs: dict[str, Arch] = {}
    sources: dict[str, Path] = {}
    for text in expand_folders(texts):
        path, _ = split_arch_text(text)
        source = path.resolve()
        for name, arch in parse_archs(space, text, seed).items():
            if name in archs and sources[name] != source:
                name = name.replace(path.stem, text, 1)
            if name in archs:
                raise InputError(
                    f"Expected --arch to name each arch once. Received: --arch={','.join(texts)}, with {name} more "
                    "than once."
                )
            archs[name] = arch
            sources[name] = source
    return archs


def expand_folders(texts: Sequence[str]) -> list[str]:
    """Names of archs, with the arch files of folders in place of the folders.

    The search for several devices or limits leaves such a folder. What else lies there is passed over: fronts and
    other files of this program in silence, what may be a damaged arch with a word.

    Args:
        texts: Names of archs, see `parse_archs`, and folders of arch files, with or without a schema.

    Raises:
        InputError: If no arch lies in a folder.
    """
    expanded = []
    for text in texts:
        if _is_folder(text):
            expanded += _archs_in_folder(Path(text))
        else:
            expanded.append(text)
    return expanded


def stands_for_any_number(text: str) -> bool:
    """Whether a name stands for as many archs as there happen to be: a folder or a whole front.

    Args:
        text: A name of archs, see `parse_archs`, or a folder of arch files.

    Raises:
        InputError: If it is a file that is no JSON file.
    """
    if _is_word(text):
        return False
    if _is_folder(text):
        return True
    path, number = split_arch_text(text)
    return number is None and path.is_file() and _is_front(files.read_json(path))


def _is_word(text: str) -> bool:
    return text in (_SMALLEST, _LARGEST) or text.startswith(_RANDOM)


def _is_folder(text: str) -> bool:
    return Path(text).is_dir() and not _is_word(text)


def _is_front(document: Mapping[str, Any]) -> bool:
    return "entries" in document


def _is_arch(document: Mapping[str, Any]) -> bool:
    """Whether a document is an arch, also one written by hand, without a schema."""
    schema = document.get("schema")
    if schema is None:
        return {"space", "depths"} <= document.keys()
    return files.is_of_kind(schema, "arch")


def _archs_in_folder(folder: Path) -> list[str]:
    """The arch files of a folder, by name."""
    found = []
    for path in sorted(folder.glob("*.json")):
        try:
            document = files.read_json(path)
        except InputError as error:
            tell(f"passed over in --arch={folder}: {error}")
            continue
        if _is_arch(document):
            found.append(str(path))
    if not found:
        raise InputError(
            f"Expected --arch={folder} to be a folder with arch JSON files. Received: none there. Name one that "
            "tools/search.py wrote for several devices or limits; an arch of a front is front.json:N."
        )
    return found


def split_arch_text(text: str) -> tuple[Path, int | None]:
    """The file that a name of archs would be read from, and which arch of a front is meant; `None`: all."""
    name, _, number = text.rpartition(":")
    if name and number.isdecimal() and not Path(text).is_file():
        return Path(name), int(number)
    return Path(text), None


def _missing_file_error(text: str) -> InputError:
    """The error for what should name a file; where that is there, something is wrong behind its colon."""
    file_name, colon, _ = text.rpartition(":")
    path = Path(file_name)
    if colon and path.is_file():
        return _number_error(_load(path), path, text)
    return InputError(
        "Expected --arch to be an arch JSON file, a folder of such, front.json:N, min, max or random:N. "
        f"Received: --arch={text}, which is no file. Find an arch with tools/search.py."
    )


def _pick(archs: dict[str, Arch], path: Path, number: int, text: str) -> dict[str, Arch]:
    """One of the archs of a front."""
    name = _name_in_front(path, number)
    if name not in archs:
        raise _number_error(archs, path, text)
    return {name: archs[name]}


def _number_error(archs: dict[str, Arch], path: Path, text: str) -> InputError:
    """The error for a name that has something behind a file which is not the number of one of its archs."""
    if path.stem in archs:
        return InputError(
            f"Expected --arch={path}, without a number: the file is one arch, only those of a front have numbers. "
            f"Received: --arch={text}. Leave out what stands behind the file."
        )
    if not archs:
        return InputError(f"Expected a front with archs. Received: --arch={text}, and {path} has none.")
    numbers = "N = 0, as the front has one arch"
    if len(archs) > 1:
        numbers = f"N from 0 to {len(archs) - 1}, as the front has {len(archs)} archs"
    return InputError(f"Expected --arch={path}:N with {numbers}. Received: --arch={text}.")


def _name_in_front(path: Path, number: int) -> str:
    return f"{path.stem}_{number}"


def _load(path: Path) -> dict[str, Arch]:
    """The arch of a file, or those of a front."""
    document = files.read_json(path)
    if not _is_front(document):
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
    number = text.removeprefix(_RANDOM)
    if not number.isdigit() or int(number) < 1:
        raise InputError(f"Expected --arch=random:N with a whole number N of at least 1. Received: --arch={text}.")
    genes = space.sample_genes(np.random.default_rng(seed), int(number))
    return space.decode(genes)
