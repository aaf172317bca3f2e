"""The one exception type that stands for a mistake its reader can mend."""


class InputError(ValueError):
    """A value, file or state that a user supplied and can correct.

    Command-line programs print the message as one line and exit with status 1
    (see `ofa_tf.base.command_line.run`); every other exception is a defect and keeps its
    traceback. The message says what was expected, what came and what to do.
    """

    # Keras adds a paragraph to what is raised while a layer is called, unless it finds this.
    _keras_call_info_injected = True
