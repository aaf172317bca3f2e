"""From measured subnets to the most accurate one within limits, without training.

Read `accuracy_table` (what was measured), `predictors/` (the accuracy of what was not), `constraint_kinds` and
`constraints` (what may be limited, and how that is checked), `evolution` (how good archs are found), `final` (why the
best prediction does not simply win) and `constrained_search`, which puts them together.

Nothing here knows devices, quantization or networks: latencies come in as a function of genes, accuracies as a
function of an arch, sizes as bytes per value.
"""
