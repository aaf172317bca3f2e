from typing import Any

import pytest

from ofa_tf.device import host_runner
from ofa_tf.device.host_runner import schedule


def test_one_group_is_visited_once_with_all_rounds() -> None:
    assert list(schedule(num_models=3, rounds=7, max_loaded=3)) == [([0, 1, 2], 7)]


def test_several_groups_are_visited_in_turn_and_share_the_rounds() -> None:
    visits = list(schedule(num_models=5, rounds=12, max_loaded=2))
    assert [group for group, _ in visits] == [[0, 1], [2, 3], [4]] * 5
    for start in (0, 1, 2):
        assert sum(rounds for _, rounds in visits[start::3]) == 12
    assert list(schedule(num_models=2, rounds=1, max_loaded=1)) == [([0], 1), ([1], 1)]


def test_models_take_turns_in_every_round(monkeypatch: pytest.MonkeyPatch) -> None:
    invoked: list[str] = []

    class FakeInterpreter:
        def __init__(self, name: str) -> None:
            self.name = name

        def invoke(self) -> None:
            invoked.append(self.name)

    def load(index: int, model: dict[str, Any], settings: dict[str, Any], event: object) -> FakeInterpreter:
        return FakeInterpreter(model["path"])

    monkeypatch.setattr(host_runner, "_load", load)
    events: list[dict[str, Any]] = []
    settings = {
        "warmup_runs": 1,
        "num_runs": 2,
        "rounds": 2,
        "min_time_s": 0,
        "max_loaded_models": 9,
        "measure_peak_ram": False,
    }
    job = {"models": [{"path": name, "input_shape": None} for name in "ABC"], "settings": settings, "cores": None}
    host_runner.run_job(job, lambda **fields: events.append(fields))
    assert "".join(invoked) == "AAABBBCCC" * 2
    runs = events[-1]["runs"]
    assert {index: run["order"] for index, run in runs.items()} == {
        "0": [0, 1, 6, 7],
        "1": [2, 3, 8, 9],
        "2": [4, 5, 10, 11],
    }
