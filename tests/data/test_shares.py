import numpy as np
import pytest

from ofa_tf.base.errors import InputError
from ofa_tf.data.batches import eval_batches, num_eval_images
from ofa_tf.data.image_source import ImageSource
from ofa_tf.data.shares import REPORT_SHARE, SEARCH_SHARE, SHARES, possible_report_images


@pytest.fixture(params=["digits", "tiny", "streamed"])
def source(request: pytest.FixtureRequest) -> ImageSource:
    return request.getfixturevalue(request.param)


def _images(source: ImageSource, split: str, **options: int) -> np.ndarray:
    batches = eval_batches(source, split, image_size=8, batch_size=3, **options)
    return np.concatenate([images.numpy() for images, _ in batches])


def test_the_shares_are_every_second_validation_image_and_together_all(source: ImageSource) -> None:
    whole = _images(source, "validation")
    np.testing.assert_array_equal(_images(source, SEARCH_SHARE), whole[0::2])
    np.testing.assert_array_equal(_images(source, REPORT_SHARE), whole[1::2])
    num_images = num_eval_images(source, SEARCH_SHARE) + num_eval_images(source, REPORT_SHARE)
    assert num_images == num_eval_images(source, "validation") == len(whole)


@pytest.mark.parametrize("num_images", [2, 3, 4, 5, 6, 7])
def test_the_images_to_search_on_tell_how_many_there_are_to_report_on(num_images: int) -> None:
    halves = {}
    for share in (SEARCH_SHARE, REPORT_SHARE):
        positions = SHARES[share].positions(num_images)
        halves[share] = (len(positions[0::2]), len(positions[1::2]))
    assert halves[REPORT_SHARE] in possible_report_images(halves[SEARCH_SHARE])


@pytest.mark.parametrize("split", ["test", SEARCH_SHARE, REPORT_SHARE])
def test_positions_travel_with_the_images_to_each_worker(source: ImageSource, split: str) -> None:
    whole = _images(source, split)
    seen: list[int] = []
    for worker in range(2):
        batches = eval_batches(
            source, split, image_size=8, batch_size=3, with_positions=True, worker=worker, num_workers=2
        )
        for images, labels, positions in batches:
            np.testing.assert_array_equal(images, whole[positions])
            assert len(labels) == len(positions)
            seen += positions.numpy().tolist()
    assert sorted(seen) == list(range(len(whole)))


def test_a_limit_takes_the_first_images_of_a_share(digits: ImageSource) -> None:
    np.testing.assert_array_equal(_images(digits, REPORT_SHARE, limit=5), _images(digits, REPORT_SHARE)[:5])


def test_one_image_cannot_be_shared() -> None:
    assert SHARES["validation"].positions(1).tolist() == [0]
    for name in (SEARCH_SHARE, REPORT_SHARE):
        assert len(SHARES[name].positions(2)) == 1
        with pytest.raises(InputError, match=r"at least 2 validation images, .* Received: 1. Hold more images out"):
            SHARES[name].positions(1)


def test_an_unknown_split_is_refused(digits: ImageSource) -> None:
    with pytest.raises(
        InputError, match=r"one of \['train', 'validation', 'search', 'report', 'test'\]. Received: 'x'"
    ):
        eval_batches(digits, "x", image_size=8, batch_size=3)
