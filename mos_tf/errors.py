"""Errors a person can act on: one line that states the rule, what was received and what to do."""


class MosError(Exception):
    """Base of every error that the command line prints as one line instead of a traceback."""

    exit_code = 1


class DataError(MosError, ValueError):
    """The data breaks a rule of the format: the message names the user (hashed), feature and value."""

    exit_code = 4


class GateError(MosError):
    """A model did not pass a quality or serving gate: metric, slice, value and threshold are named."""

    exit_code = 3
