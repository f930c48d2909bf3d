"""Files -> what they hold, which questions they can answer, and what one more file would answer."""

from closeloop.check.looking import Checked, Given, Wanting, look
from closeloop.check.recognising import recognise, told
from closeloop.check.wording import lines

__all__ = ["Checked", "Given", "Wanting", "lines", "look", "recognise", "told"]
