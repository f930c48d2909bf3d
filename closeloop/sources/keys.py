"""The ways in which systems write the same order number and the same tracking number, as SQL expressions."""

from __future__ import annotations


def order_key(column: str) -> str:
    """Shops print "#1001" and write "1001" into other systems."""
    return f"ltrim(trim({column}), '#')"


def parcel_key(column: str) -> str:
    """Tracking numbers come with spaces, in either case, and from USPS scanners with 420 and the ZIP code before.

    The prefix is the routing code of USPS's Intelligent Mail package barcode: 420, five or nine digits of the
    destination's ZIP code, then the 22 digits that begin with 91 to 95 (USPS Publication 199, section 2).
    """
    plain = rf"upper(regexp_replace({column}, '\s', '', 'g'))"
    return rf"regexp_replace({plain}, '^420[0-9]{{5}}([0-9]{{4}})?(9[1-5][0-9]{{20}})$', '\2')"
