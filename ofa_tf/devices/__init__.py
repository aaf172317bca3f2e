"""Running TFLite models somewhere, and saying how long they take.

Read `device` first: what is measured, how, what comes of it, and what every device
can do. `device_facts` are what a latency was measured on. `opening` leads from the
id that a user gives to a device of one of the registered kinds (`device_kind`);
`device_flags` does so for the tools, and `benchmark_results` are the file that they
write. What the kinds share: `run_statistics` makes a latency of runs,
`repetition` measures again what is doubtful, `cpu_affinity` chooses cores. Each kind
has a folder: `host` and `android`. Nothing outside of these two folders asks which
kind of device it has.
"""
