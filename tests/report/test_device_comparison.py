from ofa_tf.report.device_comparison import FoundArch, describe_exchanges


def _found(name: str, budget_ms: float, top1: float, host_ms: float, phone_ms: float, fits: str) -> FoundArch:
    """What was found for a device with a name; `fits` names the devices on which it keeps the budget."""
    latency_ms = {"host": host_ms, "phone": phone_ms}
    return FoundArch(name, budget_ms, top1, latency_ms, {other: other in fits for other in latency_ms})


def test_each_arch_is_shown_on_each_device() -> None:
    found = [
        _found("host", 1.0, 0.80, host_ms=0.9, phone_ms=5.0, fits="host"),
        _found("host", 2.0, 0.85, host_ms=1.9, phone_ms=1.8, fits="host, phone"),
        _found("phone", 1.0, 0.70, host_ms=1.5, phone_ms=0.8, fits="phone"),
        _found("phone", 2.0, 0.84, host_ms=1.4, phone_ms=1.7, fits="host, phone"),
    ]
    assert describe_exchanges(found).splitlines() == [
        "on     budget_ms  arch of host                     arch of phone",
        "host           1  80.00% in 0.9 ms                 too slow: 1.5 ms",
        "host           2  85.00% in 1.9 ms                 84.00% in 1.4 ms (-1.00 points)",
        "phone          1  too slow: 5 ms                   70.00% in 0.8 ms",
        "phone          2  85.00% in 1.8 ms (+1.00 points)  84.00% in 1.7 ms",
    ]


def test_budgets_are_told_as_they_were_given() -> None:
    found = [
        _found("host", 0.1234567, 0.80, host_ms=0.1, phone_ms=0.1, fits="host, phone"),
        _found("phone", 1234567.5, 0.80, host_ms=0.1, phone_ms=0.1, fits="host, phone"),
    ]
    _, on_host, on_phone = describe_exchanges(found).splitlines()
    assert on_host.split()[1] == "0.1234567"
    assert on_phone.split()[1] == "1,234,567.5"


def test_an_arch_whose_margin_breaks_the_budget_is_too_slow_there() -> None:
    found = [
        _found("host", 1.0, 0.80, host_ms=0.9, phone_ms=0.95, fits="host"),
        _found("phone", 1.0, 0.80, host_ms=0.8, phone_ms=0.9, fits="host, phone"),
    ]
    _, on_host, on_phone = describe_exchanges(found).splitlines()
    assert "too slow: 0.95 ms" in on_phone
    assert "too slow" not in on_host
