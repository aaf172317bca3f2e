"""From the names and layouts of the PyTorch implementation's weights to those of this one.

The published weights exist with two generations of names, which differ in wrappers
only (`blocks.1.mobile_inverted_conv.depth_conv.bn.bn.weight` and
`blocks.1.conv.depth_conv.bn.weight`); `plain_name` brings both to one form.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Any

import keras
import numpy as np

from ofa_tf.base.errors import InputError
from ofa_tf.networks.blocks.part_layer import get_part_layer
from ofa_tf.networks.subnet import build_from_parts
from ofa_tf.networks.supernet import Supernet, build_supernet
from ofa_tf.space.arch import Arch
from ofa_tf.space.blocks.part_type import PlainPart
from ofa_tf.space.search_space import SearchSpace

_MAX_NAMES = 20  # shown of a list in an error message

# Kernels are (height, width, in, out) here and (out, in, height, width) in PyTorch; those of depthwise convolutions
# (height, width, channels, 1) and (channels, 1, height, width).
_TO_TORCH = (3, 2, 0, 1)
_TO_TORCH_DEPTHWISE = (2, 3, 0, 1)

_LEAVES = {
    "kernel": "weight",
    "gamma": "weight",
    "beta": "bias",
    "bias": "bias",
    "moving_mean": "running_mean",
    "moving_variance": "running_var",
}


def plain_name(name: str) -> str:
    """A state_dict's name without the wrappers of its generation."""
    name = name.replace(".mobile_inverted_conv.", ".conv.")
    return re.sub(r"\.(conv|bn|linear)(?:\.\1)+(?=\.)", r".\1", name)


def import_supernet(space: SearchSpace, tensors: Mapping[str, np.ndarray]) -> Supernet:
    """Build a supernet with the weights of a PyTorch state_dict.

    Args:
        space: The search space that the weights are of.
        tensors: Names of either generation -> arrays, in PyTorch's layout.

    Raises:
        InputError: If a weight is missing, left over, of the wrong shape or not
            finite, or there are no published weights of such a space.
    """
    supernet = build_supernet(space, count_classes(tensors))
    largest = {part.name: part.largest for part in space.parts}
    assign_state_dict(supernet, space, tensors, largest)
    return supernet


def import_subnet(space: SearchSpace, arch: Arch, image_size: int, tensors: Mapping[str, np.ndarray]) -> keras.Model:
    """Build a plain subnet with the weights of a PyTorch state_dict; see `import_supernet`.

    Args:
        space: Search space of `arch`.
        arch: The subnet; its image size does not matter.
        image_size: Input height and width, pixels; any.
        tensors: Names -> arrays, in PyTorch's layout.
    """
    parts = space.plain_parts(arch)
    subnet = build_from_parts(space, parts, image_size, count_classes(tensors))
    assign_state_dict(subnet, space, tensors, parts)
    return subnet


def assign_state_dict(
    model: keras.Model,
    space: SearchSpace,
    tensors: Mapping[str, np.ndarray],
    parts: Mapping[str, PlainPart],
) -> None:
    """Set every weight of a network from a PyTorch state_dict.

    Args:
        model: A supernet, or a subnet from `build_subnet`. Changed only if all
            weights fit.
        space: Its search space.
        tensors: Names of either generation -> arrays, in PyTorch's layout.
        parts: The parts of the model by name, in order; the largest ones of a supernet.

    Raises:
        InputError: If a weight is missing, given twice, left over, of the wrong
            shape or not finite, which the message names; or if weights of such a
            space were not published.
    """
    given = _by_plain_name(tensors)
    variables = [variable for variable in model.variables if "seed_generator" not in variable.path]
    layer_names = _torch_layer_names(space, parts)
    wanted = {_torch_name(variable, layer_names): variable for variable in variables}
    _check_names_and_shapes(given, wanted, space)
    with np.errstate(over="ignore"):  # a float64 may be too large for a float32: it becomes infinite
        given = {name: values.astype(np.float32) for name, values in given.items()}
    not_finite = [name for name in wanted if not np.isfinite(given[name]).all()]
    if not_finite:
        raise InputError(
            f"Expected finite weights. Received: NaN or infinity in {', '.join(not_finite[:_MAX_NAMES])}. "
            "The file is damaged, or the training it comes from diverged."
        )
    for name, variable in wanted.items():
        variable.assign(_from_torch(given[name], variable))


def _check_names_and_shapes(
    given: Mapping[str, np.ndarray], wanted: Mapping[str, keras.Variable], space: SearchSpace
) -> None:
    """Check that the weights that are given are those that a network wants.

    Raises:
        InputError: If not; names what is missing, left over or of another shape.
    """
    misshapen = []
    for name, variable in wanted.items():
        shape = _torch_shape(variable)
        if name in given and given[name].shape != shape:
            misshapen.append(f"{name} {given[name].shape} instead of {shape}")
    by_kind = {
        "missing": sorted(set(wanted) - set(given)),
        "left over": sorted(set(given) - set(wanted)),
        "of another shape": misshapen,
    }
    problems = [_describe_names(names, kind) for kind, names in by_kind.items() if names]
    if problems:
        raise InputError(
            f"Expected the {len(wanted)} weights of this network of {space.name}. Received: {'; '.join(problems)}. "
            "Check that they are of the search space, or of the net.config, that was named."
        )


def _describe_names(names: Sequence[str], kind: str) -> str:
    shown = ", ".join(names[:_MAX_NAMES])
    if len(names) > _MAX_NAMES:
        shown += ", ..."
    return f"{len(names)} {kind}: {shown}"


def count_classes(tensors: Mapping[str, np.ndarray]) -> int:
    """Number of classes of a state_dict's classifier.

    Raises:
        InputError: If it has no classifier.
    """
    for name, tensor in tensors.items():
        if plain_name(name) == "classifier.linear.bias" and np.ndim(tensor) == 1 and len(tensor):
            return len(tensor)
    raise InputError(
        "Expected the state_dict of a once-for-all network, with a vector classifier.linear.bias. "
        f"Received: {len(tensors)} other entries."
    )


def _by_plain_name(tensors: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    given: dict[str, np.ndarray] = {}
    for name, tensor in tensors.items():
        if name.endswith("num_batches_tracked"):
            continue
        if plain_name(name) in given:
            raise InputError(f"Expected each weight once. Received: {plain_name(name)} under two names, one is {name}.")
        given[plain_name(name)] = np.asarray(tensor)
    return given


def _torch_layer_names(space: SearchSpace, parts: Mapping[str, PlainPart]) -> dict[str, str]:
    """By the name of each plain layer, what the names of its weights in a state_dict begin with.

    Raises:
        InputError: If the PyTorch implementation has no parts of such a type.
    """
    _, *block_names, _ = parts  # between the stem and the head
    names = {}
    for part_name, part in parts.items():
        layer_class = get_part_layer(part)
        prefix = layer_class.plain_prefix(part_name)
        beginning = f"blocks.{block_names.index(part_name)}." if part_name in block_names else ""
        published_names = layer_class.published_names(part)
        if not published_names:
            raise InputError(
                f"Expected a search space with published weights. Received: {space.name}, whose {part_name} is of part "
                f"type {part.type_name!r}, which has none. If there are some, let `published_names` of "
                f"{layer_class.__name__} name them."
            )
        for inner_name, published_name in published_names.items():
            names[f"{prefix}{inner_name}"] = beginning + published_name
    return names


def _torch_name(variable: keras.Variable, layer_names: Mapping[str, str]) -> str:
    """What a state_dict calls a variable."""
    *layer, leaf = _path(variable)
    if leaf.startswith("transform_"):
        torch_leaf = f"{leaf.removeprefix('transform_')}_matrix"
    else:
        torch_leaf = _LEAVES[leaf]
    layer_name = "_".join(layer)
    return plain_name(f"{layer_names[layer_name]}.{torch_leaf}")


def _path(variable: keras.Variable) -> list[str]:
    """Names of the layers around a variable, the supernet and its head left out, and its own."""
    names = variable.path.split("/")
    if re.fullmatch(r"supernet(_\d+)?", names[0]):  # Keras numbers the models of a process
        names = names[1:]
    return names[1:] if names[0] == "head" else names


def _is_depthwise(variable: keras.Variable) -> bool:
    return any(name.endswith("depthwise_conv") for name in variable.path.split("/"))


def _torch_shape(variable: keras.Variable) -> tuple[int, ...]:
    """The shape that a variable has in PyTorch."""
    shape = tuple(variable.shape)
    if len(shape) != 4:
        return shape[::-1]
    axes = _TO_TORCH_DEPTHWISE if _is_depthwise(variable) else _TO_TORCH
    return tuple(shape[axis] for axis in axes)


def _from_torch(weights: np.ndarray, variable: keras.Variable) -> Any:
    """Weights in the layout of a variable."""
    if weights.ndim == 4:
        axes = _TO_TORCH_DEPTHWISE if _is_depthwise(variable) else _TO_TORCH
        return weights.transpose(np.argsort(axes))
    is_matrix = _path(variable)[-1] == "kernel"
    return weights.T if is_matrix else weights
