import dataclasses

import pytest

from ofa_tf import presets
from ofa_tf.errors import InputError
from ofa_tf.presets import get_search_space, list_search_spaces, register_search_space


@pytest.mark.parametrize(
    ("name", "stem", "widths", "feature", "head"),
    [
        ("mobilenet_v3_w1.0", 16, [16, 24, 40, 80, 112, 160], 960, 1280),
        ("mobilenet_v3_w1.2", 24, [24, 32, 48, 96, 136, 192], 1152, 1536),
    ],
)
def test_mobilenet_v3_is_the_published_one(name: str, stem: int, widths: list[int], feature: int, head: int) -> None:
    space = get_search_space(name)
    first = space.first_block

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

    assert blocks["stage1_block1"].middle_channels == (48, 64, 96)
    assert blocks["stage2_block1"].middle_channels == (72, 96, 144)
    assert blocks["stage2_block1"].squeeze_channels == (24, 24, 40)  # 18 -> 24: 16 would be below 90%
    assert blocks["stage5_block4"].middle_channels == (480, 640, 960)
    assert blocks["stage5_block4"].squeeze_channels == (120, 160, 240)


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
    with pytest.raises(InputError, match=r"one of \['mobilenet_v3_w1\.0', .*\]\. Received: 'mobilenet_v9'"):
        get_search_space("mobilenet_v9")


def test_own_space_is_found_by_its_name_which_must_be_new(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(presets, "_BY_NAME", dict(presets._BY_NAME))
    own = dataclasses.replace(get_search_space("mobilenet_v3_tiny"), name="own")

    assert register_search_space(own) is own
    assert get_search_space("own") is own
    register_search_space(own)  # again, as when a module is imported twice

    with pytest.raises(InputError, match=r"to be new\. Received: 'own', which is taken\."):
        register_search_space(dataclasses.replace(own, head_width=8))
    assert get_search_space("own") is own
