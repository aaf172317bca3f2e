"""Reading `net.config`, the JSON that the PyTorch implementation describes its specialized networks by."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import numpy as np

from ofa_tf.base.errors import InputError
from ofa_tf.space.arch import Arch
from ofa_tf.space.blocks.part_type import PlainPart
from ofa_tf.space.presets import get_search_space, list_search_spaces
from ofa_tf.space.search_space import SearchSpace

_ACTIVATIONS = {"relu": "relu", "relu6": "relu6", "h_swish": "hard_swish"}
# What parts are that do not say it, and net.configs do.
_FIXED = {
    "kernel_size": 3,
    "activation": "relu",
    "groups": 1,
    "downsample": "avgpool_conv",
    "has_depthwise": True,
}


def arch_from_net_config(config: Mapping[str, Any]) -> Arch:
    """Find the search space and the arch that a `net.config` describes.

    Args:
        config: The JSON document. It does not say the image size: the arch has
            the space's largest.

    Raises:
        InputError: If it describes no network of the known search spaces.
    """
    try:
        blocks, ends = list(_blocks(config)), _ends(config)
    except (KeyError, TypeError, AttributeError, IndexError, ValueError, OverflowError) as error:
        reason = f"one without {error}" if isinstance(error, KeyError) else f"a malformed one ({error})"
        raise InputError(
            f"Expected the net.config of a MobileNetV3, ProxylessNAS or ResNet50D. Received: {reason}."
        ) from error
    for name in list_search_spaces():
        space = get_search_space(name)
        genes = _match(space, blocks, ends)
        if genes is None:
            continue
        genes[space.image_size_gene] = len(space.image_sizes) - 1
        arch = space.decode_one(genes)
        if _agrees(space, arch, blocks, ends):
            _check_normalization(config.get("bn"), space)
            return arch
    raise InputError(
        f"Expected the net.config of a subnet of one of the spaces {list_search_spaces()}. Received: a "
        f"{config.get('name')} of {len(blocks)} blocks that is none."
    )


def _blocks(config: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """What matters of each block, under the names of `MBConv` and `Bottleneck`."""
    for block in config["blocks"]:
        if block["name"] == "ResNetBottleneckBlock":
            yield {
                "in_channels": block["in_channels"],
                "middle_channels": block["mid_channels"],
                "out_channels": block["out_channels"],
                "stride": block["stride"],
                "kernel_size": block["kernel_size"],
                "activation": _ACTIVATIONS[block["act_func"]],
                "groups": block["groups"] or 1,
                "downsample": block["downsample_mode"],
            }
            continue
        conv = block.get("mobile_inverted_conv") or block["conv"]
        middle = conv["mid_channels"] or round(conv["in_channels"] * conv["expand_ratio"])
        yield {
            "in_channels": conv["in_channels"],
            "middle_channels": middle,
            "out_channels": conv["out_channels"],
            "kernel_size": conv["kernel_size"],
            "stride": conv["stride"],
            "activation": _ACTIVATIONS[conv["act_func"]],
            "has_depthwise": conv.get("groups") is None,
            "has_residual": block["shortcut"] is not None,
            "has_expand": conv["expand_ratio"] != 1,
            "has_squeeze": bool(conv["use_se"]),
        }


def _ends(config: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """What matters of the stem and the head."""
    if config["name"] == "ResNets":
        stem = config["input_stem"]
        middle, output = stem[0]["out_channels"], stem[-1]["out_channels"]
        convolutions = [layer.get("conv", layer) for layer in stem]
        return {
            "stem": {
                "middle_channels": middle,
                "out_channels": output,
                "depth": len(stem) - 2,
                "kernel_size": _only(layer["kernel_size"] for layer in convolutions),
                "activation": _only(_ACTIVATIONS[layer["act_func"]] for layer in convolutions),
            },
            "head": {"feature_width": 0, "head_width": 0},
        }
    first, mix = config["first_conv"], config["feature_mix_layer"]
    final = config.get("final_expand_layer")
    return {
        "stem": {
            "out_channels": first["out_channels"],
            "kernel_size": first["kernel_size"],
            "stride": first["stride"],
            "activation": _ACTIVATIONS[first["act_func"]],
        },
        "head": {
            "feature_width": (final or mix)["out_channels"],
            "head_width": mix["out_channels"] if final else 0,
            "activation": _only(_ACTIVATIONS[layer["act_func"]] for layer in (final, mix) if layer),
        },
    }


def _only(values: Iterable[Any]) -> Any:
    """The one value that all are; several are no network that is known."""
    (value,) = set(values)
    return value


def _check_normalization(config: Mapping[str, Any] | None, space: SearchSpace) -> None:
    eps = (config or {}).get("eps", space.batch_norm_epsilon)
    if eps != space.batch_norm_epsilon or (config or {}).get("ws_eps") is not None:
        raise InputError(
            f"Expected the batch normalization of {space.name}: eps {space.batch_norm_epsilon:g}, no weight "
            f"standardization. Received: bn={config}. Such a network cannot be imported."
        )


def _match(space: SearchSpace, blocks: list[dict[str, Any]], ends: dict[str, dict[str, Any]]) -> np.ndarray | None:
    """Genes of the arch of `space` that has these parts; `None` if there is none."""
    genes = np.zeros(space.num_genes, np.int32)
    remaining = list(blocks)
    for part in space.parts:
        if part.stage is not None and part.position >= space.stages[part.stage].depths[0]:
            # May be skipped: it is there if the next block continues the stage.
            previous = blocks[len(blocks) - len(remaining) - 1]
            if not remaining or remaining[0]["out_channels"] != previous["out_channels"]:
                continue
        if part.name == "stem":
            wanted = ends["stem"]
        elif part.name == "head":
            wanted = {"in_channels": blocks[-1]["out_channels"], **ends["head"]}
        elif remaining:
            wanted = remaining.pop(0)
        else:
            return None
        found = [index for index in np.ndindex(part.options.shape) if _fits(part.options[index], wanted)]
        if not found:
            return None
        for gene, value in zip(part.genes, found[0], strict=True):
            genes[gene] = value
        if part.stage is not None:
            depths = space.stages[part.stage].depths
            if part.position + 1 in depths:
                genes[space.depth_genes.start + part.stage] = depths.index(part.position + 1)
    return None if remaining else genes


def _agrees(space: SearchSpace, arch: Arch, blocks: list[dict[str, Any]], ends: dict[str, dict[str, Any]]) -> bool:
    """Whether the parts of an arch are those that are wanted: choices that several parts share may contradict."""
    parts = space.plain_parts(arch)
    wanted: list[dict[str, Any]] = [ends["stem"], *blocks, {**ends["head"], "in_channels": blocks[-1]["out_channels"]}]
    return len(parts) == len(wanted) and all(map(_fits, parts.values(), wanted))


def _fits(part: PlainPart, wanted: Mapping[str, Any]) -> bool:
    """Whether a part has all the wanted values."""
    values = {**_FIXED, **vars(part), "has_squeeze": bool(getattr(part, "squeeze_channels", 0))}
    return all(name in values and values[name] == value for name, value in wanted.items())
