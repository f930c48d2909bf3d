"""closeloop: find the pattern, ship one change, verify that it worked."""

__version__ = "0.1.0"
