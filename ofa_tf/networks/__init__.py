"""The supernet, its subnets, and what is done to their weights.

Read `supernet` (one network for all subnets; `layers/` and `blocks/` are what it is made of), `subnet` (the same
networks in plain Keras layers) and `extraction` (from one to the other). `calibration` sets the running statistics of
a subnet, `channel_sorting` puts important channels first, `saving` reads and writes files.
"""
