"""Running TFLite models somewhere, and saying how long they take.

Read `device.py` first: what is measured, how, what comes of it, and what every device can do. `device_facts.py` are
what a latency was measured on. `opening.py` leads from the id that a user gives to a device of one of the registered
kinds (`device_kind.py`); `device_flags.py` does so for the tools, and `benchmark_results.py` are the file that they
write. What the kinds share: `run_statistics.py` makes a latency of runs, `repetition.py` measures again what is
doubtful, `cpu_affinity.py` chooses cores, `output_check.py` asks whether a device computes the same. Each kind has a
folder: `host` and `android`. Nothing outside of these two folders asks which kind of device it has.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submodules=["device_flags"],
    submod_attrs={
        "benchmark_results": ["KIND", "load_benchmark", "save_benchmark", "with_hashes"],
        "device": ["BenchmarkModel", "BenchmarkSettings", "Device", "Measurement", "Progress", "check_facts"],
        "device_facts": [
            "ADDRESS_FACTS",
            "CHOSEN_FACTS",
            "CONDITION_FACTS",
            "DECISIVE_FACTS",
            "DeviceFacts",
            "USUALLY_NONE_FACTS",
            "kind_of_measurement",
            "shareable_facts",
            "shareable_name",
        ],
        "device_kind": ["DeviceKind"],
        "output_check": ["check_can_give_outputs", "compare_outputs"],
        "opening": ["DEVICE_KINDS", "kind_of", "list_devices", "open_device"],
    },
)
