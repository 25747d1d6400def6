"""The browser's half of the web page: what its worker calls, in Python.

The page in ``web/page`` draws the same views as the notebook. Its worker holds one
`Session`; the first pictures, drawn before Python has started, are made by
`first_states` when the site is built.
"""

from fp8lab.page.first import first_states
from fp8lab.page.session import Session

__all__ = ["Session", "first_states"]
