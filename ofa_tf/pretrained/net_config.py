"""Reading `net.config`, the JSON that the PyTorch implementation describes its specialized networks by.

A net.config lists the layers of one network; it names neither a search space nor the choices made in one. So it is
first brought to the names that parts have here (`DescribedNetwork`), and then the search spaces are tried one by one.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from ofa_tf.base.errors import InputError
from ofa_tf.pretrained.part_matching import DescribedNetwork, find_arch
from ofa_tf.space.arch import Arch
from ofa_tf.space.presets import get_search_space, list_search_spaces
from ofa_tf.space.search_space import SearchSpace

_ACTIVATIONS = {"relu": "relu", "relu6": "relu6", "h_swish": "hard_swish"}

# What a document that is no net.config, or a damaged one, makes the readers below raise.
_MALFORMED = (KeyError, TypeError, AttributeError, IndexError, ValueError, OverflowError)


def arch_from_net_config(config: Mapping[str, Any]) -> Arch:
    """Find the search space and the arch that a `net.config` describes.

    Args:
        config: The JSON document. It does not say the image size: the arch has
            the space's largest.

    Raises:
        InputError: If it describes no network of the known search spaces.
    """
    network = _read_network(config)
    for name in list_search_spaces():
        space = get_search_space(name)
        arch = find_arch(space, network)
        if arch is not None:
            _check_normalization(config.get("bn"), space)
            return arch
    raise InputError(
        f"Expected the net.config of a subnet of one of the spaces {list_search_spaces()}. Received: a "
        f"{config.get('name')} of {len(network.blocks)} blocks that is none."
    )


def _check_normalization(config: Mapping[str, Any] | None, space: SearchSpace) -> None:
    """Check that batch normalization is computed as in `space`; what is not said is taken to be.

    Raises:
        InputError: If it is not.
    """
    said = config or {}
    epsilon = said.get("eps", space.batch_norm_epsilon)
    has_weight_standardization = said.get("ws_eps") is not None
    if epsilon != space.batch_norm_epsilon or has_weight_standardization:
        raise InputError(
            f"Expected the batch normalization of {space.name}: eps {space.batch_norm_epsilon:g}, no weight "
            f"standardization. Received: bn={config}. Such a network cannot be imported."
        )


# --- reading -----------------------------------------------------------------


def _read_network(config: Mapping[str, Any]) -> DescribedNetwork:
    try:
        blocks = [_read_block(block) for block in config["blocks"]]
        if config["name"] == "ResNets":
            stem = _read_deep_stem(config["input_stem"])
            head = {"feature_width": 0, "head_width": 0}
        else:
            stem = _read_stem(config["first_conv"])
            head = _read_head(config["feature_mix_layer"], config.get("final_expand_layer"))
        return DescribedNetwork(stem, blocks, head)
    except _MALFORMED as error:
        reason = f"a malformed one ({error})"
        if isinstance(error, KeyError):
            reason = f"one without {error}"
        raise InputError(
            f"Expected the net.config of a MobileNetV3, ProxylessNAS or ResNet50D. Received: {reason}."
        ) from error


def _read_block(block: Mapping[str, Any]) -> dict[str, Any]:
    if block["name"] == "ResNetBottleneckBlock":
        return _read_bottleneck(block)
    # The name of the convolutions depends on the generation of the PyTorch implementation.
    conv = block.get("mobile_inverted_conv") or block["conv"]
    return _read_mbconv(conv, has_residual=block["shortcut"] is not None)


def _read_bottleneck(block: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "in_channels": block["in_channels"],
        "middle_channels": block["mid_channels"],
        "out_channels": block["out_channels"],
        "stride": block["stride"],
        "kernel_size": block["kernel_size"],
        "activation": _ACTIVATIONS[block["act_func"]],
        "groups": block["groups"] or 1,
        "downsample": block["downsample_mode"],
    }


def _read_mbconv(conv: Mapping[str, Any], has_residual: bool) -> dict[str, Any]:
    middle_channels = conv["mid_channels"]
    if not middle_channels:
        middle_channels = round(conv["in_channels"] * conv["expand_ratio"])
    return {
        "in_channels": conv["in_channels"],
        "middle_channels": middle_channels,
        "out_channels": conv["out_channels"],
        "kernel_size": conv["kernel_size"],
        "stride": conv["stride"],
        "activation": _ACTIVATIONS[conv["act_func"]],
        "has_depthwise": conv.get("groups") is None,  # a number of groups means a grouped convolution instead
        "has_residual": has_residual,
        "has_expand": conv["expand_ratio"] != 1,
        "has_squeeze": bool(conv["use_se"]),
    }


def _read_stem(conv: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "out_channels": conv["out_channels"],
        "kernel_size": conv["kernel_size"],
        "stride": conv["stride"],
        "activation": _ACTIVATIONS[conv["act_func"]],
    }


def _read_deep_stem(layers: list[Mapping[str, Any]]) -> dict[str, Any]:
    # The optional second convolution has a residual connection, and stands in a document inside the document.
    convolutions = [layer.get("conv", layer) for layer in layers]
    kernel_sizes = [conv["kernel_size"] for conv in convolutions]
    activations = [_ACTIVATIONS[conv["act_func"]] for conv in convolutions]
    return {
        "middle_channels": layers[0]["out_channels"],
        "out_channels": layers[-1]["out_channels"],
        "depth": len(layers) - 2,
        "kernel_size": _only(kernel_sizes),
        "activation": _only(activations),
    }


def _read_head(mix: Mapping[str, Any], expand: Mapping[str, Any] | None) -> dict[str, Any]:
    """What matters of the head.

    Args:
        mix: Its last convolution.
        expand: The one before, which only some networks have.
    """
    if not expand:
        return {
            "feature_width": mix["out_channels"],
            "head_width": 0,
            "activation": _ACTIVATIONS[mix["act_func"]],
        }
    activations = [_ACTIVATIONS[layer["act_func"]] for layer in (expand, mix)]
    return {
        "feature_width": expand["out_channels"],
        "head_width": mix["out_channels"],
        "activation": _only(activations),
    }


def _only(values: Iterable[Any]) -> Any:
    """The one value that all are; networks with several are none that is known.

    Raises:
        ValueError: If they differ.
    """
    (value,) = set(values)
    return value
