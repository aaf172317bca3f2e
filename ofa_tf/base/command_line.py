"""What every command-line program shares: exit status and error lines."""

import contextlib
import os
import signal
import sys
import threading
from collections.abc import Callable, Sequence
from logging import LogRecord

from absl import app, flags, logging

from ofa_tf.base.errors import InputError

# What TensorFlow raises for full disks, rights, damaged files and want of memory; its other errors are defects.
_MACHINE_ERRORS = ("DataLossError", "NotFoundError", "PermissionDeniedError", "ResourceExhaustedError")


def run(main: Callable[[Sequence[str]], None]) -> None:
    """Run `main` under absl, turning a user's error into one line and status 1.

    `main` gets the arguments that are no flags. SIGTERM is treated like
    Ctrl-C, so that open files are put in order before the program ends.

    Raises:
        SystemExit: 0 on success and after help, 1 after a user's error (also in the
            flags) or an operating-system error such as a full disk, 130 when
            interrupted.
    """

    def guarded(argv: Sequence[str]) -> None:
        if len(argv) > 1:
            _fail(f"Expected only flags (--name=value). Received: {' '.join(argv[1:])}. See --helpshort.")
        if not flags.FLAGS["verbosity"].present:
            logging.set_verbosity(logging.WARNING)  # tensorflow-datasets reports every read
        logging.get_absl_logger().addFilter(_is_news)
        try:
            main(argv)
            sys.stdout.flush()
        except InputError as error:
            _fail(str(error))
        except BrokenPipeError:
            _give_up_stdout()
            raise SystemExit(1) from None
        except OSError as error:
            place = f" ({error.filename})" if error.filename else ""
            _fail(f"{error.strerror or error}{place}. Earlier results are intact.")
        except Exception as error:
            if type(error).__name__ not in _MACHINE_ERRORS:
                raise
            reason = str(error).strip().partition("\n")[0] or type(error).__name__
            _fail(f"{reason}. Earlier results are intact.")
        except KeyboardInterrupt as error:
            _fail(f"Interrupted. {str(error) or 'Earlier results are intact.'}", 130)

    if threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGTERM, _raise_keyboard_interrupt)
    app.run(guarded, flags_parser=_parse_flags)


def _is_news(record: LogRecord) -> bool:
    """Whether a message tells more than tensorflow-datasets' use of its own deprecated names, or what an error says."""
    return not any(text in record.getMessage() for text in ("FeatureConnector.dtype", "has no dataset_info.json"))


def _parse_flags(argv: Sequence[str]) -> list[str]:
    try:
        return flags.FLAGS(list(argv))
    except flags.Error as error:
        _fail(f"{str(error).removeprefix('ERROR:: ')} (see --helpshort)")
        raise  # not reached
    except SystemExit:  # a help flag: absl ends it with status 1, as if it were a mistake to ask
        with contextlib.suppress(BrokenPipeError):
            sys.stdout.flush()
            raise SystemExit(0) from None
    except BrokenPipeError:
        pass
    _give_up_stdout()  # help that was cut short, as by `| head`
    raise SystemExit(0)


def _give_up_stdout() -> None:
    """Let Python's own flush at the end succeed although nobody reads any more."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _fail(message: str, status: int = 1) -> None:
    line = " ".join(message.split())
    sys.stderr.write(f"error: {line}\n")
    sys.stderr.flush()
    raise SystemExit(status)


def _raise_keyboard_interrupt(signum: int, frame: object) -> None:
    del signum, frame
    raise KeyboardInterrupt
