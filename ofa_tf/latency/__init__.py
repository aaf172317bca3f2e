"""What the subnets of a space cost on a device: latencies of pieces, measured once, make those of every subnet.

Read `pieces.py` (the different parts of a space, each measured on its own), `piece_models.py` (as TFLite models),
`table_builder.py` with `piece_measurements.py` (measuring them in batches that are kept), `latency_table.py` (the
result, a file) and `latency_model.py`, which predicts. `budgets.py` spreads budgets
between the quickest and the slowest subnet.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submod_attrs={
        "budgets": ["spread_budgets_ms"],
        "latency_model": ["LatencyModel", "MIN_ARCHS_FOR_EXPONENT"],
        "latency_table": ["LatencyTable"],
        "piece_models": ["make_piece_models"],
        "pieces": ["OVERHEAD"],
        "table_builder": ["TABLE_SETTINGS", "build_latency_table"],
    },
)
