"""The published networks that a comparison has beside the subnets it finds."""

import pytest

from ofa_tf.base.errors import InputError
from ofa_tf.studies.plain_rivals import PlainNetwork, measure_plain_networks, widest_within
from tests.support.formula_device import FormulaDevice

_MEASURED = [
    PlainNetwork("mobilenet_v2", 0.2, 0.1),
    PlainNetwork("mobilenet_v2", 0.4, 0.3),
    PlainNetwork("mobilenet_v2", 0.3, 0.2),
    PlainNetwork("mobilenet_v3_small", 1.0, 0.15),
]


@pytest.mark.parametrize(("budget_ms", "width"), [(0.3, 0.4), (0.29, 0.3)])
def test_the_widest_network_within_a_budget_is_taken(budget_ms: float, width: float) -> None:
    network = widest_within(_MEASURED, "mobilenet_v2", budget_ms)
    assert network is not None
    assert network.width == width


def test_none_is_taken_where_all_take_longer() -> None:
    assert widest_within(_MEASURED, "mobilenet_v2", 0.05) is None


def test_networks_of_all_widths_are_measured_in_one_call_so_that_a_slow_spell_falls_on_all() -> None:
    device = FormulaDevice()
    networks = measure_plain_networks(device, num_classes=3, widths=(0.2, 0.3))

    expected = [(name, width) for name in ("mobilenet_v2", "mobilenet_v3_small") for width in (0.2, 0.3)]
    assert [(network.name, network.width) for network in networks] == expected
    assert device.num_calls == 1
    # The device's latencies follow from the sizes of the models: the wider of each is the slower.
    assert networks[0].latency_ms < networks[1].latency_ms
    assert networks[2].latency_ms < networks[3].latency_ms


def test_a_network_that_does_not_run_is_named_with_the_reason() -> None:
    device = FormulaDevice(failing="network 1")
    with pytest.raises(InputError, match=r"Expected mobilenet_v2_w0\.3 to run on formula\. Received: it broke\."):
        measure_plain_networks(device, num_classes=3, widths=(0.2, 0.3))
