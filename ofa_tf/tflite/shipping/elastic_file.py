"""An elastic file: several shipped models of one supernet as signatures of one `.tflite` file, and its sidecar."""

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from ofa_tf.base import files
from ofa_tf.base.errors import InputError
from ofa_tf.tflite.litert.interpreter import TFLiteModel
from ofa_tf.tflite.litert.merged_model import merge_models
from ofa_tf.tflite.litert.metadata import add_own_metadata, read_metadata
from ofa_tf.tflite.shipping.sidecar import check_model_replaceable, load_sidecar, sidecar_path

_KIND = "elastic_model"
_NUM_COMPARED_IMAGES = 8

# What the file's own metadata keep of each model's sidecar: what a program needs to use it, and to choose it.
_FACTS_OF_SIGNATURE = (
    "arch",
    "image_size",
    "input_type",
    "normalization",
    "preprocessing",
    "output",
    "num_macs",
    "num_params",
    "top1",
    "predicted_latencies",
)
# What a model's sidecar says of its file, or what holds for all.
_FACTS_OF_FILE = ("schema", "model", "sha256", "versions", "class_names", "command")

_FACTS_OF_ALL = ("num_classes", "class_names", "quantization", "target", "versions")


def check_elastic_replaceable(path: str | Path) -> None:
    """Check that writing an elastic file does not replace something else.

    Raises:
        InputError: If the name does not end in `.tflite`, the file cannot be written, or
            another one would be replaced.
    """
    files.check_output(path)
    files.check_replaceable(sidecar_path(path), _KIND)
    if not is_elastic(Path(path)):
        check_model_replaceable(path)


def is_elastic(path: Path) -> bool:
    """Whether a file is an elastic one that this program wrote."""
    try:
        return "signatures" in read_metadata(path)
    except InputError:
        return False


def save_elastic(
    path: str | Path, models: Mapping[str, Path], command: str | None = None, max_file_bytes: float | None = None
) -> dict[str, Any]:
    """Merge shipped models into one file, and write it with its sidecar, each completely or not at all.

    Args:
        path: File to write, ending in `.tflite`.
        models: The `.tflite` files, their sidecars beside them, by the names of their signatures.
        command: What was typed to make it.
        max_file_bytes: Largest size of the file, as a search limited it; `None` for no limit.

    Returns:
        What the sidecar says: `size_bytes`, `largest_bytes` (of the models), `sum_bytes`, and
        `signatures`, by their names, from the quickest to the slowest where latencies of all are predicted,
        else from the fewest MACs to the most.

    Raises:
        InputError: If another file would be replaced, the file is too large, or a signature
            gives other numbers than its model, which should never be; nothing is written then.
    """
    check_elastic_replaceable(path)
    sidecars = {name: load_sidecar(model) for name, model in models.items()}
    names = _from_cheap_to_costly(sidecars)
    contents = {name: models[name].read_bytes() for name in names}

    signatures = {}
    for name in names:
        signatures[name] = {key: sidecars[name][key] for key in _FACTS_OF_SIGNATURE if key in sidecars[name]}
    first = sidecars[names[0]]
    description = {key: first[key] for key in _FACTS_OF_ALL}
    content = add_own_metadata(merge_models(contents), {**description, "signatures": signatures})
    if max_file_bytes is not None and len(content) > max_file_bytes:
        raise InputError(
            f"Expected the elastic file to keep within {max_file_bytes:,.0f} bytes, the limit of the search that found "
            f"its archs. Received: {len(content):,} bytes. Search again with a lower --max_family_bytes. Nothing was "
            "written."
        )
    for name, together in TFLiteModel.open_all(content).items():
        _check_equal(name, together, TFLiteModel(contents[name]))

    sizes = [len(single) for single in contents.values()]
    facts: dict[str, Any] = {
        "model": Path(path).name,
        "sha256": hashlib.sha256(content).hexdigest(),
        "size_bytes": len(content),
        "largest_bytes": max(sizes),
        "sum_bytes": sum(sizes),
        **description,
        "command": command,
        "signatures": {name: _without_file(sidecars[name]) for name in names},
    }
    with files.atomic_path(path) as new_model, files.atomic_path(sidecar_path(path)) as new_sidecar:
        new_model.write_bytes(content)
        files.write_json(new_sidecar, _KIND, facts)
    return facts


def _from_cheap_to_costly(sidecars: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """The names of signatures in the order in which a program may afford their models."""
    latencies_ms = {}
    for name, sidecar in sidecars.items():
        predictions = sidecar.get("predicted_latencies") or []
        if predictions:
            latencies_ms[name] = float(predictions[0]["latency_ms"])

    def cost(name: str) -> float:
        if len(latencies_ms) == len(sidecars):
            return latencies_ms[name]
        return float(sidecars[name]["num_macs"])

    return sorted(sidecars, key=cost)


def _without_file(sidecar: Mapping[str, Any]) -> dict[str, Any]:
    """What a sidecar says of a model, without what it says of the file, which will be gone."""
    return {key: value for key, value in sidecar.items() if key not in _FACTS_OF_FILE}


def _check_equal(signature: str, together: TFLiteModel, alone: TFLiteModel) -> None:
    """Check that a signature of an elastic file gives to the bit what its model gives by itself."""
    shape = (_NUM_COMPARED_IMAGES, alone.image_size, alone.image_size, 3)
    images = np.random.default_rng(0).standard_normal(shape, dtype=np.float32)
    if not np.array_equal(together.predict(images), alone.predict(images)):
        raise InputError(
            f"Expected the signature {signature!r} of an elastic file to give what its model gives. Received: other "
            "numbers. This is a fault of merging: write the models one by one, and report it. Nothing was written."
        )
