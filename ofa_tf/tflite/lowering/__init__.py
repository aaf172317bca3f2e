"""Lowering: rewriting a graph into operators that a target runs well, without changing what it computes.

Read `rewrites.py` first: each rewrite is a function from graph to graph. `depthwise_strips.py` holds the longest of
them, and `scale_folding.py` what two of them leave behind. `targets.py` says which rewrites pay on which hardware,
and `lowerings.py` chooses and applies them.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submod_attrs={
        "lowerings": ["choose_lowerings", "lower"],
        "rewrites": ["LOWERINGS", "fold_batch_norm", "split_into_operators"],
        "targets": ["CPU", "MCU", "NPU", "TARGETS", "Target", "get_target", "target_help", "usual_delegate"],
    },
)
