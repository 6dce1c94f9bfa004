"""The exceptions of the package."""


class Error(Exception):
    """An error of crossrank: a code for programs, and a sentence for people that says what to do.

    Every error of the library is one of the subclasses :class:`InputError`, :class:`AccessError` and
    :class:`ModelError`. Wrong types raise ``TypeError``, and Ctrl-C raises ``KeyboardInterrupt``.
    """

    code: str = ""
    """The kind in kebab case, such as ``"invalid-argument"``."""


class InputError(Error, ValueError):
    """An argument, a text or an index file cannot be used."""


class AccessError(Error, OSError):
    """A file or a model cannot be read, or the hub cannot be reached."""


class ModelError(Error, RuntimeError):
    """The model is damaged, or of a kind that crossrank does not run."""


class Cancelled(Error):
    """The call was ended by :meth:`crossrank.Cancellation.cancel`."""


_KINDS: dict[str, type[Error]] = {
    "invalid-argument": InputError,
    "input-too-large": InputError,
    "invalid-text": InputError,
    "invalid-input": InputError,
    "io": AccessError,
    "model-not-installed": AccessError,
    "remote-unavailable": AccessError,
    "remote-refused": AccessError,
    "remote-invalid-answer": AccessError,
    "cancelled": Cancelled,
}


def exception(code: str, message: str) -> Error:
    """The exception for an error of the library."""
    error = _KINDS.get(code, ModelError)(message)
    error.code = code
    return error
