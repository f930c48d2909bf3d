"""How percentages, signed numbers and p values read in sentences, wherever they are written."""

MINUS, SPACE = "\u2212", "\u00a0"


def percent(share: float, digits: int = 0) -> str:
    r"""A share as a percentage, a minus sign before what is below 0.

    >>> percent(0.05), percent(-0.786), percent(0.0123, 1)
    ('5\xa0%', '−79\xa0%', '1.2\xa0%')
    """
    text = f"{abs(100 * share):,.{digits}f}"
    return f"{MINUS if share < 0 and float(text.replace(',', '')) else ''}{text}{SPACE}%"


def signed(share: float, digits: int = 0) -> str:
    r"""The same with a plus sign before what is above 0.

    >>> signed(0.05), signed(-0.786), signed(0.001)
    ('+5\xa0%', '−79\xa0%', '0\xa0%')
    """
    text = percent(share, digits)
    return f"+{text}" if share > 0 and any(digit in text for digit in "123456789") else text


def spread(value: float, low: float, high: float) -> str:
    """A signed percentage with its interval."""
    return f"{signed(value)} ({signed(low)} to {signed(high)})"


def plus(value: float, digits: int = 0) -> str:
    """A number with its sign and thousands separated.

    >>> plus(1240.4), plus(-24), plus(-0.04, 1)
    ('+1,240', '−24', '0.0')
    """
    text = f"{abs(value):,.{digits}f}"
    sign = ("+" if value > 0 else MINUS) if float(text.replace(",", "")) else ""
    return f"{sign}{text}"


def interval(low: str, high: str) -> str:
    r"""The two ends of a 95 % interval in words.

    >>> interval("−28", "−21")
    '95\xa0% interval −28 to −21'
    """
    return f"95{SPACE}% interval {low} to {high}"


def chance(p: float) -> str:
    """A p value as a clause, such as `p = 0.03`.

    >>> chance(0.0304), chance(0.00002)
    ('p = 0.03', 'p below 0.001')
    """
    return "p below 0.001" if p < 0.001 else f"p = {p:.2g}"
