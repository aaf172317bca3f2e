"""Android phones, as devices: `benchmark_model` runs there, and adb carries it.

To be read from the outside in. `phone_device` decides what is run when, as
`phone_settings` say; `phone_runs` are the runs of one model, and `round_outputs`
what they come to. `benchmark_program` calls the program on the phone, with one of
the `delegates` and within a `time_limit`; `benchmark_output` reads what it prints,
line by line (`output_lines`), with its `operator_profile`; `benchmark_binary` is
where the program comes from. `phone_condition` tells whether the phone is hot.
`adb` brings commands and files to one phone, `connected_phones` says which there
are, and `adb_program` is the program on this computer that both call. `phone_kind`
says how a user names a phone.
"""
