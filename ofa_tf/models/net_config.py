"""Reading `net.config`, the JSON that the PyTorch implementation describes its specialized networks by."""

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from ofa_tf.arch import Arch
from ofa_tf.blocks import PlainPart
from ofa_tf.errors import InputError
from ofa_tf.presets import get_search_space, list_search_spaces
from ofa_tf.search_space import SearchSpace

_ACTIVATIONS = {"relu": "relu", "relu6": "relu6", "h_swish": "hard_swish"}


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
    except (KeyError, TypeError, AttributeError, IndexError) as error:
        raise InputError(
            f"Expected the net.config of a MobileNetV3, ProxylessNAS or ResNet50D. Received: one without {error}."
        ) from error
    for name in list_search_spaces():
        space = get_search_space(name)
        genes = _match(space, blocks, ends)
        if genes is not None:
            genes[space.image_size_gene] = len(space.image_sizes) - 1
            return space.decode_one(genes)
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
            "has_residual": block["shortcut"] is not None,
            "has_expand": conv["expand_ratio"] != 1,
            "has_squeeze": bool(conv["use_se"]),
        }


def _ends(config: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """What matters of the stem and the head."""
    if config["name"] == "ResNets":
        stem = config["input_stem"]
        middle, output = stem[0]["out_channels"], stem[-1]["out_channels"]
        return {
            "stem": {"middle_channels": middle, "out_channels": output, "depth": len(stem) - 2},
            "head": {"feature_width": 0, "head_width": 0},
        }
    first, mix = config["first_conv"], config["feature_mix_layer"]["out_channels"]
    final = config.get("final_expand_layer")
    return {
        "stem": {"out_channels": first["out_channels"], "activation": _ACTIVATIONS[first["act_func"]]},
        "head": {"feature_width": final["out_channels"] if final else mix, "head_width": mix if final else 0},
    }


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


def _fits(part: PlainPart, wanted: Mapping[str, Any]) -> bool:
    """Whether a part has all the wanted values."""
    values = {**vars(part), "has_squeeze": bool(getattr(part, "squeeze_channels", 0))}
    return all(name in values and values[name] == value for name, value in wanted.items())
