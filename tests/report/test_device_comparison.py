from ofa_tf.report.device_comparison import FoundArch, describe_exchanges


def test_each_arch_is_shown_on_each_device() -> None:
    found = [
        FoundArch("host", 1.0, 0.80, {"host": 0.9, "phone": 5.0}),
        FoundArch("host", 2.0, 0.85, {"host": 1.9, "phone": 9.0}),
        FoundArch("phone", 6.0, 0.82, {"host": 1.5, "phone": 5.9}),
        FoundArch("phone", 8.0, 0.84, {"host": 1.8, "phone": 7.9}),
    ]
    heading, *rows = describe_exchanges(found).splitlines()
    assert heading.split("  ")[0] == "on"
    assert heading.endswith("arch of phone")
    assert rows[0].split() == ["host", "1", "80.00%", "in", "0.9", "ms", "too", "slow:", "1.5", "ms"]
    assert rows[1].endswith("84.00% in 1.8 ms (-1.00 points)")
    assert "80.00% in 5 ms (-2.00 points)" in rows[2]
    assert rows[2].endswith("82.00% in 5.9 ms")
    assert "too slow: 9 ms" in rows[3]
