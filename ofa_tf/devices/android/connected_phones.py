"""The phones that adb sees, and which of them is meant."""

from ofa_tf.base.errors import InputError
from ofa_tf.devices.android import adb_program
from ofa_tf.devices.android.adb_program import PhoneLostError, advice_for, execute, first_line, not_ready


def list_phones(program: str = "adb") -> dict[str, str]:
    """The state of each phone that `adb devices` shows, by serial.

    Raises:
        InputError: If there is no `adb` program, or it does not answer.
    """
    try:
        completed = execute([program, "devices"], adb_program.ANSWER_S)
    except TimeoutError as error:
        raise PhoneLostError(f"Expected adb to list phones. Received: {error}. Try: adb kill-server.") from error
    if completed.returncode != 0:
        raise PhoneLostError(f"Expected adb to list phones. Received: {first_line(completed.stderr)}.")

    phones = {}
    for line in completed.stdout.splitlines():
        serial, tab, state = line.partition("\t")
        if not tab:  # a heading, or a blank line
            continue
        if state.startswith("no permissions"):  # a link to help follows
            state = "no permissions"
        phones[serial] = state
    return phones


def choose_phone(serial: str | None = None, program: str = "adb") -> str:
    """The serial of the phone to use.

    Args:
        serial: What the user asked for; `None`: the only one that is connected.
        program: The `adb` program.

    Raises:
        InputError: If it is not connected and ready, or there are several to choose from.
    """
    phones = list_phones(program)
    if serial is None:
        serial = _only_phone(list(phones))
    state = phones.get(serial, "absent")
    if state != "device":
        raise not_ready(serial, state)
    return serial


def _only_phone(serials: list[str]) -> str:
    if len(serials) > 1:
        raise InputError(
            f"Expected one phone, or --device=adb:SERIAL. Received: {len(serials)} phones: {', '.join(serials)}."
        )
    if not serials:
        raise InputError(f"Expected a phone. Received: none that adb sees. {advice_for('absent')}")
    return serials[0]
