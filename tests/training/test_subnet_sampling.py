import dataclasses
from pathlib import Path

import numpy as np
import pytest

from ofa_tf.training.config import PhaseConfig, TrainConfig
from ofa_tf.training.phases import PHASE_NAMES, PHASES, SANDWICH
from ofa_tf.training.subnet_sampling import draw_subnets, image_size_of, validation_archs
from tests.support.spaces import MICRO


@pytest.fixture
def config(tmp_path: Path) -> TrainConfig:
    phases = {name: PhaseConfig(epochs=2, learning_rate=0.02, num_subnets=2) for name in PHASE_NAMES}
    return TrainConfig(workdir=str(tmp_path), phases=phases, space=MICRO.name, seed=3)


def test_include_smallest_makes_the_first_of_several_subnets_the_smallest(config: TrainConfig) -> None:
    one = dataclasses.replace(config.phases["depth_1"], num_subnets=1)
    phases = {**config.phases, "depth_1": one}
    with_rule = dataclasses.replace(config, phases=phases, include_smallest=True)
    without = dataclasses.replace(config, phases=phases, include_smallest=False)
    for phase in PHASES:
        for step in range(8):
            rows, free = (draw_subnets(MICRO, settings, phase, step) for settings in (with_rule, without))
            smallest = phase.smallest_indices(MICRO)[1:]  # all but the image size
            np.testing.assert_array_equal(rows[0, 1:], free[0, 1:] if phase.name == "depth_1" else smallest)
            np.testing.assert_array_equal(rows[1:], free[1:])
            np.testing.assert_array_equal(rows[:, 0], free[:, 0])


def test_subnets_are_drawn_from_the_phase_by_seed_and_step_alone(config: TrainConfig) -> None:
    for phase in PHASES:
        drawn = [draw_subnets(MICRO, config, phase, step) for step in range(30)]
        for step in (29, 3):
            np.testing.assert_array_equal(drawn[step], draw_subnets(MICRO, config, phase, step))
        genes = np.concatenate(drawn)
        assert (genes >= phase.smallest_indices(MICRO)).all()
        assert len(np.unique([rows[:, 0] for rows in drawn])) == len(MICRO.image_sizes)
        assert all(len(set(rows[:, 0])) == 1 for rows in drawn)  # one image size a step
    other = dataclasses.replace(config, seed=99)
    assert not np.array_equal(drawn[0], draw_subnets(MICRO, other, PHASES[-1], 0))


def test_a_step_of_the_sandwich_method_has_the_largest_and_the_smallest_subnet_first(config: TrainConfig) -> None:
    four = dataclasses.replace(config.phases["sandwich"], num_subnets=4)
    config = dataclasses.replace(config, phases={**config.phases, "sandwich": four}, include_smallest=False)
    others = set()
    for step in range(8):
        genes = draw_subnets(MICRO, config, SANDWICH, step)
        image_size = image_size_of(MICRO, genes)
        largest, smallest, *rest = MICRO.decode(genes)
        assert (largest, smallest) == (MICRO.largest(image_size), MICRO.smallest(image_size))
        assert {arch.image_size for arch in rest} == {image_size}
        others.update(rest)
    assert len(others) > 8


def test_the_image_size_of_a_step_is_that_of_its_subnets(config: TrainConfig) -> None:
    sizes = set()
    for step in range(10):
        genes = draw_subnets(MICRO, config, PHASES[-1], step)
        sizes.add(image_size_of(MICRO, genes))
        assert {MICRO.decode_one(row).image_size for row in genes} == {image_size_of(MICRO, genes)}
    assert sizes == set(MICRO.image_sizes)


def test_the_largest_subnet_is_validated_last() -> None:
    archs = validation_archs(MICRO, PHASES[-1])
    assert list(archs.items()) == [("smallest", MICRO.smallest()), ("largest", MICRO.largest())]
    assert len(set(validation_archs(MICRO, PHASES[0]).values())) == 2  # image sizes are sampled from the start
