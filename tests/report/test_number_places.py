import numpy as np

from ofa_tf.report.number_places import Box, place_numbers

_AREA = Box(0, 0, 700, 400)


def _points(places: np.ndarray) -> list[Box]:
    return [Box(x - 4, y - 4, x + 4, y + 4) for x, y in places.tolist()]


def _share_pixels(first: Box, second: Box) -> bool:
    width = min(first.right, second.right) - max(first.left, second.left)
    height = min(first.bottom, second.bottom) - max(first.top, second.top)
    return width > 1e-9 and height > 1e-9


def test_no_number_hides_another_one_or_a_point() -> None:
    rng = np.random.default_rng(0)
    points = _points(rng.uniform((0, 0), (700, 400), (200, 2)))
    places = [place for place in place_numbers(points, _AREA) if place is not None]
    assert 100 < len(places) < len(points)
    for index, place in enumerate(places):
        assert not any(_share_pixels(place, other) for other in [*points, *places[:index]])
        assert 0 <= place.left < place.right <= 700
        assert 0 <= place.top < place.bottom <= 400


def test_a_number_is_to_the_upper_left_and_if_that_is_taken_to_the_lower_right() -> None:
    (alone,) = place_numbers(_points(np.array([(100, 100)])), _AREA)
    assert alone is not None
    assert alone.right < 96
    assert alone.bottom == 96
    (beside, _) = place_numbers(_points(np.array([(100, 100), (90, 90)])), _AREA)
    assert beside is not None
    assert beside.left > 104
    assert beside.top == 104


def test_what_is_better_avoided_is_hidden_only_where_there_is_no_other_room() -> None:
    points = _points(np.array([(100, 100)]))
    (place,) = place_numbers(points, _AREA, [Box(80, 80, 99, 99)])
    assert place is not None
    assert place.left > 104
    (place,) = place_numbers(points, _AREA, [Box(50, 50, 150, 150)])
    assert place is not None
    assert place.right < 96


def test_a_number_without_room_is_left_out() -> None:
    around = [(90, 90), (110, 90), (90, 110), (110, 110), (100, 90), (100, 110), (90, 100), (110, 100)]
    places = place_numbers(_points(np.array([(100, 100), *around])), _AREA)
    assert places[0] is None
    assert None not in places[1:3]
