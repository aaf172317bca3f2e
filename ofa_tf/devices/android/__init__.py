"""Android phones, as devices: `benchmark_model` runs there, and adb carries it.

To be read from the outside in. `phone_device.py` decides what is run when, as `phone_settings.py` say; `phone_runs.py`
are the runs of one model, and `round_outputs.py` what they come to; `phone_outputs.py` is what a model gives. The
folder `benchmark_model` is about the program, which is called within a `time_limit.py`. `phone_condition.py` tells
whether the phone is hot. `adb.py` brings commands and files to one phone, `connected_phones.py` says which there are,
and `adb_program.py` is the program on this computer that both call. `phone_kind.py` says how a user names a phone.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submod_attrs={
        "benchmark_model": ["fetch_benchmark_binary"],
        "adb": ["Adb", "ShellResult"],
        "phone_device": ["PHONE_ID"],
        "phone_kind": ["PHONE_KIND"],
        "time_limit": ["TimeLimit"],
    },
)
