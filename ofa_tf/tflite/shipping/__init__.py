"""Shipping: no model gets its name that does not compute what the network it was made from computes.

Read `ship.py` first: it converts a subnet, lets the model through the gate
(`gate.py`), tries remedies where it does not pass (`remedies.py`, then
`mixed_precision.py`, which asks `layer_errors.py` where the error comes from) and
writes the file with its sidecar (`sidecar.py`). `export.py` holds the subnet on its
way, and `export_data.py` the images that it is judged on.
"""
