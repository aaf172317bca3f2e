"""From the name of a data set of tensorflow-datasets (TFDS) to its builder, prepared.

TFDS answers an unknown name or a missing data set with page-long messages or
minutes of retries, so names and folders are looked at before anything is read;
nothing here uses the network unless `download` is true.
"""

import contextlib
import difflib
import io
import os
import re

import tensorflow_datasets as tfds

from ofa_tf.base.errors import InputError
from ofa_tf.data.dataset_names import DIGITS
from ofa_tf.data.handwritten_digits import HandwrittenDigits

_FOLDER = "folder:PATH"  # as error messages call it

# Of a message of tensorflow-datasets within one of ours.
_MAX_REASON_LETTERS = 300

# A name of a data set, of its configuration and its version, as in "name/config:1.0.0".
_NAME = re.compile(r"(?P<base>\w+)(/[\w\-.]+)?(:[\d*.]+)?")


def prepared_builder(
    name: str,
    data_dir: str | None,
    download: bool,
) -> tfds.core.DatasetBuilder:
    """The builder of a data set that is prepared, if need be and allowed after downloading it.

    Args:
        name: A name of TFDS, or `digits`.
        data_dir: Folder of TFDS; its own default if `None`.
        download: Whether to download and prepare what is not prepared.

    Raises:
        InputError: If there is no such data set, or it is not prepared and cannot be.
    """
    if name == DIGITS:
        return _prepared_digits(data_dir)
    builder = find_builder(name, data_dir)
    if builder.is_prepared():
        return builder
    if not download:
        raise InputError(
            f"Expected the data set {name!r} to be prepared in {builder.data_path}. Received: no data set there. "
            f"Pass the right --data_dir, or download and prepare it once: add --download to train_main.py or run "
            f"{_prepare_command(name, data_dir)}{_manual_hint(builder)}"
        )
    _prepare(name, builder)
    return find_builder(name, data_dir)


def _prepared_digits(data_dir: str | None) -> tfds.core.DatasetBuilder:
    """The builder of the digits, which are prepared without a network."""
    builder = HandwrittenDigits(data_dir=data_dir)
    if builder.is_prepared():
        return builder
    # Its progress bars would outlive the half second they are about.
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
        _prepare(DIGITS, builder)
    return HandwrittenDigits(data_dir=data_dir)


def find_builder(name: str, data_dir: str | None) -> tfds.core.DatasetBuilder:
    """The builder of a data set other than the digits, which need not be prepared.

    Raises:
        InputError: If there is no such data set.
    """
    match = _NAME.fullmatch(name)
    if match is None:
        # Names of other namespaces, such as huggingface:, would be looked up in the network.
        raise _unknown_name(name)
    try:
        return tfds.builder(name, data_dir=data_dir)
    except tfds.core.DatasetNotFoundError as error:
        raise _unknown_name(name) from error
    except (ValueError, AssertionError, ImportError) as error:
        raise InputError(
            f"Expected {name!r} to name a configuration and version that tensorflow-datasets "
            f"{tfds.__version__} offers. Received: {_first_line(error)} "
            f"See https://www.tensorflow.org/datasets/catalog/{match['base']}."
        ) from error


def _unknown_name(name: str) -> InputError:
    """The error for a name of no data set, with those that it may have been meant for."""
    base = re.split("[/:]", name)[0].lower()
    candidates = []
    if base in ("folder", "") or os.path.isdir(name):
        candidates.append(_FOLDER)
    known = [DIGITS, _FOLDER, *tfds.list_builders(with_community_datasets=False)]
    candidates += difflib.get_close_matches(base, known, n=4, cutoff=0.6)
    hint = ""
    if candidates:
        distinct = dict.fromkeys(candidates)
        hint = f"Did you mean {' or '.join(distinct)}? "
    return InputError(
        f"Expected the data set to be 'digits', 'folder:PATH' or a name of tensorflow-datasets. Received: {name!r}. "
        f"{hint}All names: https://www.tensorflow.org/datasets/catalog/overview."
    )


def _prepare(name: str, builder: tfds.core.DatasetBuilder) -> None:
    try:
        builder.download_and_prepare()
    # Whatever goes wrong here (network, checksums, disk, files to be downloaded by hand) is the user's to mend.
    except Exception as error:
        if builder.data_path.exists():
            return  # another process prepared it at the same time
        raise InputError(
            f"Expected to download and prepare {name!r} in {builder.data_path}. Received: "
            f"{type(error).__name__}: {_first_line(error)} Check the network connection, the free disk space and that "
            f"the folder can be written.{_manual_hint(builder)}"
        ) from error


def _manual_hint(builder: tfds.core.DatasetBuilder) -> str:
    if not builder.MANUAL_DOWNLOAD_INSTRUCTIONS:
        return ""
    folder = os.path.join(builder.data_dir_root, "downloads", "manual")
    return (
        f" (first download its files by hand into {folder}; which ones: "
        f"https://www.tensorflow.org/datasets/catalog/{builder.name})"
    )


def _prepare_command(name: str, data_dir: str | None) -> str:
    # Not `tfds build`: that program needs the package apache-beam, for every data set.
    arguments = repr(name) if data_dir is None else f"{name!r}, data_dir={data_dir!r}"
    return f'`python -c "import tensorflow_datasets as t; t.builder({arguments}).download_and_prepare()"`'


def _first_line(error: BaseException) -> str:
    """What an error says, as a sentence of one line; its kind if it says nothing."""
    lines = str(error).strip().splitlines()
    line = lines[0].strip() if lines else type(error).__name__
    line = line[:_MAX_REASON_LETTERS]
    return line if line.endswith(".") else f"{line}."
