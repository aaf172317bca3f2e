from pathlib import Path

import pytest

from ofa_tf.base.errors import InputError
from ofa_tf.search.constraints import Limits
from ofa_tf.workflow.many_searches import plan_searches


def test_one_search_writes_a_file(tmp_path: Path) -> None:
    (plan,) = plan_searches(["host"], [Limits(macs=1e6)], str(tmp_path / "arch.json"))
    assert (plan.device, plan.limits, plan.output) == ("host", Limits(macs=1e6), tmp_path / "arch.json")


def test_several_write_into_a_folder_a_file_for_each_device_and_limit(tmp_path: Path) -> None:
    limits = [Limits(latency_ms=0.5), Limits(latency_ms=1)]
    plans = plan_searches(["host", "adb:1234"], limits, str(tmp_path / "found"))
    assert [plan.output.name for plan in plans] == [
        "host_latency_ms_0.5.json",
        "host_latency_ms_1.json",
        "adb_1234_latency_ms_0.5.json",
        "adb_1234_latency_ms_1.json",
    ]
    assert {plan.output.parent for plan in plans} == {tmp_path / "found"}


@pytest.mark.parametrize(
    ("devices", "num_limits", "output", "message"),
    [
        ([], 1, "found", "Expected --device to name different devices. Received: --device=."),
        (["host", "host"], 1, "found", "Expected --device to name different devices. Received: --device=host,host."),
        (["host"], 2, "arch.json", "Expected --output to be a folder, as there are several searches. Received: "),
    ],
)
def test_what_cannot_be_searched_is_refused(
    tmp_path: Path, devices: list[str], num_limits: int, output: str, message: str
) -> None:
    limits = [Limits(macs=1e6 * (number + 1)) for number in range(num_limits)]
    with pytest.raises(InputError, match=message):
        plan_searches(devices, limits, str(tmp_path / output))
