"""What people read: the page, the mail and the sections that both are made of."""


class NotebookError(Exception):
    """A cell raised an error; the message names notebook, cell and parameter file."""
