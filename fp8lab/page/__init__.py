"""The browser's half of the web page: what its worker calls, in Python.

The page in ``web/page`` draws the same views as the notebook. Its worker holds one
`fp8lab.page.session.Session`; the first pictures, drawn before Python has started, are
made by `fp8lab.page.first.first_states` when the site is built.
"""
