"""Numbers out of the learner's own files, with NumPy alone: what a file holds, and one.

>>> from fp8lab.reading import parse_numbers
>>> parse_numbers("1.5, 2, nan").array
array([1.5, 2. , nan])

`contents` lists what a file holds, `read` gives one array as the core takes it, and
`parse_numbers` does the same for pasted text. A file is known by its first bytes, then
by its name. Nothing in it is run: pickles are never opened. Only what is needed is
read, so a file of any size will do; of a tensor with more than `LARGEST` elements the
first rows are read, and a note says so. What a file says about itself (lengths,
shapes, offsets) is checked against its bytes before memory is set aside.

Everything bad is a ValueError of one sentence; a missing file stays FileNotFoundError.
"""

from fp8lab.reading.entries import LARGEST, Entry, Loaded
from fp8lab.reading.files import contents, read
from fp8lab.reading.text import parse_numbers

__all__ = ["LARGEST", "Entry", "Loaded", "contents", "parse_numbers", "read"]
