"""How many there are, in words."""


def count_in_words(number: int, noun: str) -> str:
    """How many there are, such as "1 subnet" and "2 subnets"."""
    ending = "" if number == 1 else "s"
    return f"{number:,} {noun}{ending}"
