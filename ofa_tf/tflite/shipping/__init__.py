"""Shipping: no model gets its name that does not compute what the network it was made from computes.

Read `ship_subnet.py` first: it converts a subnet, lets the model through the gate (`gate.py`), tries remedies where
it does not pass (`remedies.py`, then `mixed_precision.py`, which asks `layer_errors.py` where the error comes from)
and writes the file with its sidecar (`sidecar.py`). `export.py` holds the subnet on its way, and `export_data.py`
the images that it is judged on.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submod_attrs={
        "export_data": ["ExportData"],
        "gate": ["Reference"],
        "ship_subnet": ["ship"],
        "sidecar": ["check_model_replaceable", "load_sidecar", "sidecar_path"],
    },
)
