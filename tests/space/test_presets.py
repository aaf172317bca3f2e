import copy
import dataclasses

import pytest

from ofa_tf.base.errors import InputError
from ofa_tf.space import presets
from ofa_tf.space.presets import get_search_space, list_search_spaces, register_search_space


@pytest.mark.parametrize(
    ("name", "stem", "widths", "feature", "head"),
    [
        ("mobilenet_v3_w1.0", 16, [16, 24, 40, 80, 112, 160], 960, 1280),
        ("mobilenet_v3_w1.2", 24, [24, 32, 48, 96, 136, 192], 1152, 1536),
    ],
)
def test_mobilenet_v3_is_the_published_one(name: str, stem: int, widths: list[int], feature: int, head: int) -> None:
    space = get_search_space(name)
    first = space.parts[1].largest

    assert space.name == name
    assert (space.stem_width, space.stem_stride) == (stem, 2)
    assert [first.out_channels, *(stage.width for stage in space.stages)] == widths
    assert [first.stride, *(stage.stride for stage in space.stages)] == [1, 2, 2, 2, 1, 2]
    assert [first.activation, *(stage.activation for stage in space.stages)] == ["relu"] * 3 + ["hard_swish"] * 3
    assert [bool(first.squeeze_channels), *(stage.use_squeeze_excite for stage in space.stages)] == [
        False, False, True, False, True, True,
    ]  # fmt: skip
    assert (first.kernel_size, first.has_expand, first.has_residual) == (3, False, True)
    assert (space.feature_width, space.head_width) == (feature, head)
    assert (space.batch_norm_epsilon, space.batch_norm_momentum) == (1e-5, 0.9)
    assert space.image_sizes == tuple(range(128, 225, 4))
    assert len(space.image_sizes) == 25
    assert len(space.blocks) == 20
    for stage in space.stages:
        assert (stage.depths, stage.kernel_sizes, stage.expand_ratios) == ((2, 3, 4), (3, 5, 7), (3, 4, 6))


def test_middle_and_squeezed_channels_are_multiples_of_8_of_the_input() -> None:
    blocks = {block.name: block for block in get_search_space("mobilenet_v3_w1.0").blocks}

    def channels(block: str, field: str) -> list[int]:
        return blocks[block].values(field)[0].tolist()

    assert channels("stage1_block1", "middle_channels") == [48, 64, 96]
    assert channels("stage2_block1", "middle_channels") == [72, 96, 144]
    assert channels("stage2_block1", "squeeze_channels") == [24, 24, 40]  # 18 -> 24: 16 would be below 90%
    assert channels("stage5_block4", "middle_channels") == [480, 640, 960]
    assert channels("stage5_block4", "squeeze_channels") == [120, 160, 240]


def test_tiny_space_suits_small_images() -> None:
    space = get_search_space("mobilenet_v3_tiny")

    assert space.image_sizes == (24, 28, 32, 36, 40)
    assert [stage.width for stage in space.stages] == [16, 24, 40, 56, 80]
    reduction = space.stem_stride
    for stage in space.stages:
        reduction *= stage.stride
    assert reduction == 8  # 3 to 5 positions are left


def test_names_are_listed_and_found() -> None:
    names = list_search_spaces()

    assert len(set(names)) == len(names) >= 3
    assert [get_search_space(name).name for name in names] == names
    assert get_search_space(names[0]) is get_search_space(names[0])


def test_unknown_name_is_refused_with_the_known_ones() -> None:
    with pytest.raises(
        InputError, match=r"one of \['mobilenet_v3_w1\.0', .*\]\. Received: 'mobilenet_v9'\. .*--plugins=FILE"
    ):
        get_search_space("mobilenet_v9")


def test_own_space_is_found_by_its_name_which_must_be_new(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(presets, "SEARCH_SPACES", copy.deepcopy(presets.SEARCH_SPACES))
    own = dataclasses.replace(get_search_space("mobilenet_v3_tiny"), name="own")

    assert register_search_space(own) is own
    assert get_search_space("own") is own
    register_search_space(own)  # again, as when a module is imported twice

    with pytest.raises(InputError, match=r"to be new\. Received: 'own', which is taken\."):
        register_search_space(dataclasses.replace(own, head_width=8))
    assert get_search_space("own") is own


def test_proxyless_is_the_published_one() -> None:
    space = get_search_space("proxyless_w1.3")
    stem, first, *_, head = (part.largest for part in space.parts)

    assert (stem.out_channels, stem.activation) == (40, "relu6")
    assert (first.out_channels, first.kernel_size, first.has_expand, first.has_residual) == (24, 3, False, False)
    assert [stage.width for stage in space.stages] == [32, 56, 104, 128, 248, 416]
    assert [stage.stride for stage in space.stages] == [2, 2, 2, 1, 2, 1]
    assert [stage.depths for stage in space.stages] == [(2, 3, 4)] * 5 + [(1,)]
    assert {part.largest.activation for part in space.blocks} == {"relu6"}
    assert not any(part.largest.squeeze_channels for part in space.blocks)
    assert (head.feature_width, head.head_width, head.activation) == (1664, 0, "relu6")
    assert space.batch_norm_epsilon == 1e-3


def test_resnet50d_is_the_published_one() -> None:
    space = get_search_space("resnet50d")
    stem, *_, head = (part.options for part in space.parts)

    assert {option.out_channels for option in stem.flat} == {40, 48, 64}
    assert {option.middle_channels for option in stem.flat} == {24, 32}
    assert {option.depth for option in stem.flat} == {0, 1}
    assert [stage.depths for stage in space.stages] == [(2, 3, 4), (2, 3, 4), (4, 5, 6), (2, 3, 4)]
    assert len(space.blocks) == 18
    widths = [
        sorted({option.out_channels for option in part.options.flat}) for part in space.blocks if not part.position
    ]
    assert widths == [[168, 208, 256], [336, 408, 512], [664, 816, 1024], [1328, 1640, 2048]]
    assert [part.largest.has_downsample for part in space.blocks] == [part.position == 0 for part in space.blocks]
    assert {option.in_channels for option in head.flat} == {1328, 1640, 2048}
    assert space.largest().width_multipliers == (1.0,) * 6
    assert (space.smallest().stem_depth, space.largest().stem_depth) == (0, 1)
