"""Lowering: rewriting a graph into operators that a target runs well, without changing what it computes.

Read `rewrites.py` first: each rewrite is a function from graph to graph.
`depthwise_strips.py` holds the longest of them, and `scale_folding.py` what two of
them leave behind. `targets.py` says which rewrites pay on which hardware, and
`lower.py` chooses and applies them.
"""
