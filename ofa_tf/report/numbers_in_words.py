"""Numbers of any kind of cost, as text."""

# Numbers from here on are shown without decimals.
_WHOLE_FROM = 1000


def short_number(value: float) -> str:
    """A cost or a limit, as short as it can be read."""
    if abs(value) >= _WHOLE_FROM:
        return f"{value:,.0f}"
    return f"{value:.4g}"
