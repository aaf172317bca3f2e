"""The supernet, its subnets, and what is done to their weights.

Read `supernet.py` (one network for all subnets; `layers/` and `blocks/` are what it is made of), `subnet.py` (the
same networks in plain Keras layers) and `extraction.py` (from one to the other). `calibration.py` sets the running
statistics of a subnet, `channel_sorting.py` puts important channels first, `saving.py` reads and writes files.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submod_attrs={
        "calibration": ["Calibrator", "calibrate_batch_norm"],
        "channel_sorting": ["sort_channels"],
        "extraction": ["copy_subnet", "extract_subnet"],
        "file_names": ["SUPERNET_FILE", "check_archive", "find_supernet", "read_config"],
        "saving": [
            "load_subnet",
            "load_supernet",
            "save_subnet",
            "save_supernet",
        ],
        "subnet": ["add_part", "build_from_parts", "build_subnet"],
        "supernet": ["Supernet", "build_supernet"],
    },
)
