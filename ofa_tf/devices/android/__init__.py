"""Android phones, as devices: `benchmark_model` runs there, and adb carries it.

To be read from the outside in. `phone_device.py` decides what is run when, as `phone_settings.py` say; `phone_runs.py`
are the runs of one model, and `round_outputs.py` what they come to; `phone_outputs.py` is what a model gives.
`benchmark_program.py` calls the program on the phone, with one of the `delegates.py` and within a `time_limit.py`;
`benchmark_output.py` reads what it prints, line by line (`output_lines.py`), with its `operator_profile.py`;
`benchmark_binary.py` is where the program comes from. `phone_condition.py` tells whether the phone is hot. `adb.py`
brings commands and files to one phone, `connected_phones.py` says which there are, and `adb_program.py` is the program
on this computer that both call. `phone_kind.py` says how a user names a phone.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submod_attrs={
        "benchmark_binary": ["fetch_benchmark_binary"],
        "delegates": ["DELEGATES"],
        "phone_device": ["PHONE_ID"],
        "phone_kind": ["PHONE_KIND"],
    },
)
