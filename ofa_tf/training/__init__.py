"""Progressive shrinking: configuration, phases, loop, evaluation, checkpoints."""
