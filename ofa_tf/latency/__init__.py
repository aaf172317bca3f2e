"""What the subnets of a space cost on a device: latencies of pieces, measured once, make those of every subnet.

Read `pieces` (the different parts of a space, each measured on its own), `piece_models` (as TFLite models),
`table_builder` with `piece_measurements` (measuring them in batches that are kept), `latency_table` (the result, a
file) and `latency_model`, which predicts.
"""
