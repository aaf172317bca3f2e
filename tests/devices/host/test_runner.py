"""The measuring process runs models in turns, group by group."""

import weakref
from typing import Any

import pytest

from ofa_tf.devices.device import BenchmarkSettings
from ofa_tf.devices.host import runner
from ofa_tf.devices.host.job import Job, JobModel
from ofa_tf.devices.host.runner import schedule


def test_visits_to_one_group_share_the_rounds() -> None:
    visits = list(schedule(num_models=2, rounds=7, max_loaded=3))
    assert [group for group, _ in visits] == [[0, 1]] * 5
    assert [rounds for _, rounds in visits] == [2, 2, 1, 1, 1]


def test_several_groups_are_visited_in_turn_and_share_the_rounds() -> None:
    visits = list(schedule(num_models=5, rounds=12, max_loaded=2))
    assert [group for group, _ in visits] == [[0, 1], [2, 3], [4]] * 5
    for start in (0, 1, 2):
        assert sum(rounds for _, rounds in visits[start::3]) == 12
    assert list(schedule(num_models=2, rounds=1, max_loaded=1)) == [([0], 1), ([1], 1)]


class FakeInterpreter:
    """Notes that it is invoked, and how many others there are when it is made."""

    invoked: list[str]
    alive: "weakref.WeakSet[FakeInterpreter]"
    most_alive: int

    def __init__(self, model: Any, *_: object) -> None:
        self.name = model.source.path
        self.alive.add(self)
        FakeInterpreter.most_alive = max(FakeInterpreter.most_alive, len(self.alive))

    def invoke(self) -> None:
        self.invoked.append(self.name)


def _run(monkeypatch: pytest.MonkeyPatch, **settings: int) -> tuple[str, dict[str, Any]]:
    """The names of models in the order in which they ran, and their runs."""
    monkeypatch.setattr(FakeInterpreter, "invoked", [], raising=False)
    monkeypatch.setattr(FakeInterpreter, "alive", weakref.WeakSet(), raising=False)
    monkeypatch.setattr(FakeInterpreter, "most_alive", 0, raising=False)
    monkeypatch.setattr(runner, "_load", FakeInterpreter)
    events: list[dict[str, Any]] = []
    job = Job(
        models=[JobModel(name) for name in "ABCDEF"],
        settings=BenchmarkSettings(min_time_s=0, measure_peak_ram=False, **settings),
    )
    runner.run_job(job, lambda **fields: events.append(fields))
    return "".join(FakeInterpreter.invoked), events[-1]["runs"]


def _cut(text: str, length: int) -> list[str]:
    return [text[start : start + length] for start in range(0, len(text), length)]


def test_models_take_turns_in_every_round(monkeypatch: pytest.MonkeyPatch) -> None:
    invoked, runs = _run(monkeypatch, warmup_runs=1, num_runs=2, rounds=2, max_loaded_models=9)
    turns = invoked[::3]
    assert invoked == "".join(3 * name for name in turns)
    rounds = turns[:6], turns[6:]
    assert sorted(rounds[0]) == sorted(rounds[1]) == list("ABCDEF")
    for index, name in enumerate("ABCDEF"):
        first = 2 * rounds[0].index(name)
        second = 12 + 2 * rounds[1].index(name)
        assert runs[str(index)]["order"] == [first, first + 1, second, second + 1]


def test_every_visit_loads_and_runs_models_in_another_order(monkeypatch: pytest.MonkeyPatch) -> None:
    invoked, _ = _run(monkeypatch, warmup_runs=0, num_runs=1, rounds=5, max_loaded_models=3)
    visits = _cut(invoked, 3)
    assert ["".join(sorted(visit)) for visit in visits] == ["ABC", "DEF"] * 5
    assert len(set(visits[::2])) > 1
    assert len(set(visits[1::2])) > 1
    invoked, _ = _run(monkeypatch, warmup_runs=0, num_runs=1, rounds=10, max_loaded_models=6)
    assert len(set(_cut(invoked, 6))) == 5  # two rounds a visit


def test_a_group_is_gone_before_the_next_one_is_loaded(monkeypatch: pytest.MonkeyPatch) -> None:
    _run(monkeypatch, warmup_runs=0, num_runs=1, rounds=5, max_loaded_models=2)
    assert FakeInterpreter.most_alive == 2
