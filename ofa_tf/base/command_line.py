"""What every command-line program shares: exit status and error lines."""

import contextlib
import functools
import os
import shlex
import signal
import sys
import threading
from collections.abc import Callable, Sequence
from logging import LogRecord
from pathlib import Path
from typing import NoReturn

from absl import app, flags, logging

from ofa_tf.base.distribution_flag import has_other_workers
from ofa_tf.base.errors import InputError
from ofa_tf.base.flag_errors import describe_flag_error
from ofa_tf.base.flag_groups import describe_flags
from ofa_tf.base.flagfile_order import check_flagfiles_come_first
from ofa_tf.base.interrupts import STATUS_INTERRUPTED, repeat_lost_interrupts
from ofa_tf.base.tensorflow_setup import set_environment

_HELP_FLAGS = frozenset({"--help", "--helpshort", "-help", "-helpshort", "-?"})

_STATUS_ERROR = 1

_PROGRAM_FOLDER = "tools"  # in which most of the project's programs lie

# What TensorFlow raises for full disks, rights, damaged files and want of memory; its other errors are defects.
_MACHINE_ERRORS = ("DataLossError", "NotFoundError", "PermissionDeniedError", "ResourceExhaustedError")

# What TensorFlow raises when workers compute together and one of them is gone.
_LOST_WORKER_ERRORS = ("AbortedError", "CancelledError", "DeadlineExceededError", "UnavailableError")
_LOST_WORKER = (
    "Another worker has ended or does not answer, so this one ends, too. Earlier results are intact: start all workers "
    "again (train_main.py: with --resume, on as many as there are)."
)

# Messages of tensorflow-datasets about its own deprecated names, or that repeat what an error says.
_STALE_MESSAGES = ("FeatureConnector.dtype", "has no dataset_info.json")


def run(main: Callable[[Sequence[str]], None]) -> None:
    """Run `main` under absl, turning a user's error into one line and status 1.

    `main` gets the arguments that are no flags. SIGTERM is treated like
    Ctrl-C, so that open files are put in order before the program ends.

    Raises:
        SystemExit: 0 on success and after help, 1 after a user's error (also in the
            flags) or an operating-system error such as a full disk, 130 when
            interrupted.
    """
    set_environment()
    if threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGTERM, _raise_keyboard_interrupt)
        repeat_lost_interrupts()
    app.run(functools.partial(_run_guarded, main), flags_parser=_parse_flags)


def typed_command() -> str:
    """What was typed to start this program, from the project's folder, quoted for a shell.

    The interpreter is called `python`, and the program by its place in the project, wherever both lie.
    """
    program = Path(sys.argv[0]).resolve()
    place = program.name
    if program.parent.name == _PROGRAM_FOLDER:
        place = f"{_PROGRAM_FOLDER}/{program.name}"
    return shlex.join(["python", place, *sys.argv[1:]])


def check_has_effect(flag: flags.FlagHolder, has_effect: bool, when: str, advice: str = "Leave it out.") -> None:
    """Check that a flag is not given where it would be ignored.

    Args:
        flag: The flag.
        has_effect: Whether it would be heeded, with the other flags as they are.
        when: With which other flags it is, for the message.
        advice: What to do.

    Raises:
        InputError: If it is given and has no effect.
    """
    if not flag.present or has_effect:
        return
    value = flag.value
    if isinstance(value, list):
        value = ",".join(value)
    raise InputError(f"Expected --{flag.name} only {when}. Received: --{flag.name}={value}. {advice}")


def _run_guarded(main: Callable[[Sequence[str]], None], argv: Sequence[str]) -> None:
    """Run `main`; whatever is no defect ends the program with one line."""
    if len(argv) > 1:
        _fail(f"Expected only flags (--name=value). Received: {' '.join(argv[1:])}. See --helpshort.")
    _quieten_logging()
    try:
        main(argv)
        sys.stdout.flush()
    except BrokenPipeError:
        _give_up_stdout()
        raise SystemExit(_STATUS_ERROR) from None
    except KeyboardInterrupt as error:
        consequence = str(error) or "Earlier results are intact."
        _fail(f"Interrupted. {consequence}", STATUS_INTERRUPTED)
    except Exception as error:
        message = _message_for_user(error)
        if message is None:
            raise
        _fail(message)


def _message_for_user(error: Exception) -> str | None:
    """What to tell the user about an error; `None` for a defect, which keeps its traceback."""
    if isinstance(error, InputError):
        return str(error)
    if isinstance(error, OSError):
        reason = error.strerror or str(error)
        place = f" ({error.filename})" if error.filename else ""
        return f"{reason}{place}. Earlier results are intact."
    kind = type(error).__name__
    if kind in _MACHINE_ERRORS:
        first_line = str(error).strip().partition("\n")[0]
        return f"{first_line or kind}. Earlier results are intact."
    if kind in _LOST_WORKER_ERRORS and has_other_workers():
        return _LOST_WORKER
    return None


def _quieten_logging() -> None:
    if not flags.FLAGS["verbosity"].present:
        logging.set_verbosity(logging.WARNING)  # tensorflow-datasets reports every read
    logging.get_absl_logger().addFilter(_is_news)


def _is_news(record: LogRecord) -> bool:
    """Whether a log message tells the user anything."""
    message = record.getMessage()
    return not any(text in message for text in _STALE_MESSAGES)


def _parse_flags(argv: Sequence[str]) -> list[str]:
    """Parse the flags as absl does, with one line for a mistake and status 0 for help."""
    try:
        if _HELP_FLAGS.intersection(argv):
            _show_help(argv[0])
            raise SystemExit
        check_flagfiles_come_first(argv[1:])
        return flags.FLAGS(list(argv))
    except InputError as error:
        _fail(str(error))
    except (flags.Error, ValueError) as error:
        _fail(describe_flag_error(error))
    except SystemExit:
        # Somebody asked for help. absl ends that with status 1, as if it were a mistake.
        with contextlib.suppress(BrokenPipeError):
            sys.stdout.flush()
            raise SystemExit(0) from None
    except BrokenPipeError:
        pass
    # Nobody read the help to its end, as with `| head`.
    _give_up_stdout()
    raise SystemExit(0)


def _show_help(program: str) -> None:
    """Print what the program says of itself, and its flags by group, which absl would list by name."""
    doc = sys.modules["__main__"].__doc__ or ""
    sys.stdout.write(f"{doc}\n{describe_flags(program)}\n\nMore (--flagfile, logging): --helpfull\n")


def _give_up_stdout() -> None:
    """Let Python's own flush at the end succeed although nobody reads any more."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, sys.stdout.fileno())


def _fail(message: str, status: int = _STATUS_ERROR) -> NoReturn:
    line = " ".join(message.split())
    sys.stderr.write(f"error: {line}\n")
    sys.stderr.flush()
    raise SystemExit(status)


def _raise_keyboard_interrupt(signum: int, frame: object) -> None:
    del signum, frame
    raise KeyboardInterrupt
