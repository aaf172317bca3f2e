import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ofa_tf.base.errors import InputError
from ofa_tf.latency.latency_model import LatencyModel
from ofa_tf.studies.nas.search_methods import SEARCH_METHODS
from ofa_tf.studies.nas.search_state import SearchState
from ofa_tf.studies.nas.search_task import SearchTask
from ofa_tf.training.config import PhaseConfig


def test_what_was_saved_last_is_loaded(tmp_path: Path) -> None:
    state = SearchState(tmp_path / "state.npz", {"seed": 1})
    assert state.load() is None
    arrays = [np.arange(number, dtype=np.float32) for number in range(12)]
    state.save(arrays[:3], {"epoch": 1})
    state.save(arrays, {"epoch": 2})
    loaded = state.load()
    assert loaded is not None
    for array, expected in zip(loaded[0], arrays, strict=True):
        np.testing.assert_array_equal(array, expected)
    assert loaded[1] == {"epoch": 2}


def test_the_state_of_another_search_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "state.npz"
    SearchState(path, {"seed": 1}).save([], {})
    with pytest.raises(InputError, match=r'of this search, \{"seed": 2\}'):
        SearchState(path, {"seed": 2}).load()


def test_the_state_of_a_search_with_a_table_that_was_measured_again_is_refused(
    task: SearchTask, tmp_path: Path
) -> None:
    begun = dataclasses.replace(task, state_path=tmp_path / "state.npz")
    begun.open_state("sampled").save([], {})
    model = task.latency_model
    slower = dataclasses.replace(begun, latency_model=LatencyModel(model.space, model.table, scale=1.01))
    assert begun.open_state("sampled").load() is not None
    with pytest.raises(InputError, match="of this search"):
        slower.open_state("sampled").load()


def test_a_damaged_state_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "state.npz"
    path.write_bytes(b"PK no archive")
    with pytest.raises(InputError, match="Remove it, and the search begins anew"):
        SearchState(path, {}).load()


def test_without_a_path_nothing_is_kept() -> None:
    state = SearchState(None, {})
    state.save([np.zeros(1)], {})
    assert state.load() is None


class _StoppedError(Exception):
    pass


def _stop_after(num_saves: int, save: Callable[..., None]) -> Callable[..., None]:
    """Saves so many times, and then raises."""
    num_done = 0

    def save_or_stop(self: SearchState, arrays: Any, notes: Any) -> None:
        nonlocal num_done
        save(self, arrays, notes)
        num_done += 1
        if num_done == num_saves:
            raise _StoppedError

    return save_or_stop


@pytest.mark.slow
@pytest.mark.parametrize("method", ["sampled", "relaxed"])
def test_a_search_that_went_on_finds_what_it_would_have_found_in_one_go(
    task: SearchTask, method: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    recipe = PhaseConfig(epochs=3, learning_rate=0.05)
    task = dataclasses.replace(task, recipe=recipe, state_path=tmp_path / "state.npz")
    in_one_go = SEARCH_METHODS[method].find(dataclasses.replace(task, state_path=None))
    with monkeypatch.context() as patch:
        patch.setattr(SearchState, "save", _stop_after(2, SearchState.save))
        with pytest.raises(_StoppedError):
            SEARCH_METHODS[method].find(task)
    assert SEARCH_METHODS[method].find(task) == in_one_go
