"""Supernets and subnets as files."""

from pathlib import Path

import keras

from ofa_tf.base import files
from ofa_tf.base.errors import InputError
from ofa_tf.base.interrupts import delayed_interrupts
from ofa_tf.networks.file_names import SUPERNET_FILE, check_archive, find_supernet, read_config
from ofa_tf.networks.supernet import Supernet, build_supernet
from ofa_tf.space.arch import Arch

_MAX_REASON_LENGTH = 100  # of what Keras says of a file, in an error message


def save_supernet(supernet: Supernet, workdir: str | Path) -> Path:
    """Write `supernet.keras` into `workdir`, completely or not at all.

    Args:
        supernet: What to write: settings, weights and running statistics.
        workdir: The folder; made if there is none.

    Returns:
        The file's path.

    Raises:
        OSError: If the folder cannot be written.
    """
    path = Path(workdir) / SUPERNET_FILE
    with files.atomic_path(path) as temporary:
        supernet.save(temporary)
    return path


def load_supernet(workdir: str | Path) -> Supernet:
    """Read the supernet that a finished phase left in `workdir`.

    It computes in float32, whatever it was trained in: what is measured and exported is the network,
    on whatever computer.

    Args:
        workdir: The folder, or the file `supernet.keras` itself.

    Raises:
        InputError: If there is none, or the file is damaged.
    """
    path = find_supernet(workdir)
    check_archive(path)
    supernet = _load_model(path, "a supernet")
    if not isinstance(supernet, Supernet):
        raise InputError(f"Expected {path} to hold a supernet. Received: a {type(supernet).__name__}.")
    if supernet.dtype_policy.compute_dtype == "float32":
        return supernet
    return _in_float32(supernet)


def _in_float32(supernet: Supernet) -> Supernet:
    """The same network, computing in float32."""
    twin = build_supernet(supernet.space, supernet.num_classes, supernet.dropout_rate, supernet.seed, dtype="float32")
    twin.set_weights(supernet.get_weights())
    return twin


def _load_model(path: Path, what: str) -> keras.Model:
    """Read a model of Keras.

    Raises:
        InputError: If it is a sound archive, but not of a model that this program knows, or
            of one whose block type is not registered.
    """
    try:
        with delayed_interrupts():
            return keras.saving.load_model(path, compile=False)
    except InputError as error:  # a supernet whose space is refused, such as one of a block type that is not known
        raise InputError(f"{path}: {error}") from error
    except (KeyError, TypeError, ValueError) as error:
        reason = " ".join(str(error).split())[:_MAX_REASON_LENGTH]
        raise InputError(f"Expected {path} to hold {what}. Received: another archive ({reason}).") from error


def save_subnet(subnet: keras.Model, arch: Arch, path: str | Path) -> None:
    """Write a plain subnet as a `.keras` file, and beside it what arch it is, as `.arch.json`.

    Args:
        subnet: From `extract_subnet` or `build_subnet`.
        arch: The arch that it is.
        path: The model's file. Both files appear, or neither.

    Raises:
        InputError: If `path` does not end in `.keras`.
        OSError: If a file cannot be written.
    """
    path = Path(path)
    if path.suffix != ".keras":
        raise InputError(f"Expected the model's file name to end in .keras. Received: {str(path)!r}.")
    # Both files are complete on disk before either gets its name.
    with files.atomic_path(path) as new_model, files.atomic_path(_arch_path(path)) as new_arch:
        subnet.save(new_model)
        arch.save(new_arch)


def load_subnet(path: str | Path) -> tuple[keras.Model, Arch]:
    """Read what `save_subnet` wrote.

    Raises:
        InputError: If a file is missing or damaged.
    """
    path = Path(path)
    if path.suffix != ".keras" or not path.is_file():
        received = repr(str(path)) if path.is_file() else f"{str(path)!r}, no such file"
        raise InputError(
            f"Expected a .keras file of a subnet. Received: {received}. Write one with tools/import_specialized.py."
        )
    arch_path = _arch_path(path)
    if not arch_path.is_file() and "space" in read_config(path):
        raise InputError(
            f"Expected a .keras file of a subnet. Received: {path}, a supernet. In to_tflite.py, name its folder and a "
            "subnet of it with --workdir and --arch."
        )
    if not arch_path.is_file():
        raise InputError(
            f"Expected {arch_path} beside {path.name}: it says what subnet that is. Received: no such file. "
            "Copy both, or import the network again."
        )
    arch = Arch.load(arch_path)
    files.check_archive(path, "Import it again.")
    subnet = _load_model(path, "a subnet")
    if tuple(subnet.input_shape[1:]) != (arch.image_size, arch.image_size, 3):
        raise InputError(
            f"Expected {path} to be the subnet of {arch.image_size} px in {arch_path.name}. Received: a model "
            f"with the input {subnet.input_shape}. Import the network again."
        )
    return subnet, arch


def _arch_path(path: Path) -> Path:
    return path.with_suffix(".arch.json")
