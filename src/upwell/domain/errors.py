"""Every refusal the core can give, grouped by whose fault it is. The class docstring is the message.

UpwellError
├── CallerError            the request can't be done as asked
│   ├── Invalid            a value does not satisfy its check (field, check)
│   │   └── BrokenOff      its body ended with its connection
│   ├── Missing            a mandatory value is absent (field, because of what)
│   ├── NotFound           nothing of that kind and name in this account
│   ├── Conflict           it exists already, is in use, or its state forbids it
│   ├── TooMany            a limit on how many is reached
│   ├── UnknownKey         there is no such access key, or it is revoked or another dialect's
│   ├── Replayed           the signed request came before
│   ├── Denied             the key's role does not allow it
│   ├── Running            the same request is being done at this moment
│   ├── Reused             its key names another request
│   ├── Stale              it was to be done to another edition of the thing
│   └── Throttled          the account asks too often
├── DeviceError            a device sent something that can't be understood
└── ServerError            our own side is not able to do it now
    ├── Held               somebody else holds the rows this needs
    └── Unavailable        a part this needs does not answer
        └── Busy           too much of this is asked at once
"""

PROBLEM_CHARS_MAX = 1500  # of what is said of an error, for some of it is what a stranger sent


class UpwellError(Exception):
    """Something went wrong."""

    def __init__(self, problem: str = "") -> None:
        if len(problem) > PROBLEM_CHARS_MAX:
            problem = problem[:PROBLEM_CHARS_MAX] + "..."
        self.problem = problem or (type(self).__doc__ or "").strip()
        super().__init__(self.problem)


class CallerError(UpwellError):
    """The request can't be done as asked."""


class Invalid(CallerError):
    """A value does not satisfy its check, the words of which say what it must be."""

    def __init__(self, field: str, check: str, problem: str = "") -> None:
        self.field = field
        self.check = check
        super().__init__(f"{field}: {check}" + (f"; {problem}" if problem else ""))


class BrokenOff(Invalid):
    """The request's body ended before it was whole: a value of this moment, not of the request."""

    def __init__(self) -> None:
        super().__init__("body", "whole", "the connection ended before it")


class Missing(CallerError):
    """A mandatory value is absent. `because` says what makes it mandatory where another value does."""

    def __init__(self, field: str, because: str = "") -> None:
        self.field = field
        super().__init__(f"{field} is mandatory " + (f"because {because}." if because else "for this action."))


class NotFound(CallerError):
    """Nothing of that kind and name in this account. `kind` is a word of the glossary: product, device,
    package, file, job, task, module, group, batch."""

    def __init__(self, kind: str, name: str) -> None:
        self.kind = kind
        self.name = name
        super().__init__(f"The specified {kind} does not exist: {name}")


class Conflict(CallerError):
    """It exists already, is in use, or its state forbids it. `reason` is a stable word that dialects map to
    their code, e.g. `package_name_taken`, `package_not_verified`."""

    def __init__(self, reason: str, problem: str) -> None:
        self.reason = reason
        super().__init__(problem)


class TooMany(CallerError):
    """A limit on how many is reached. `what` is the counted thing, e.g. `packages`."""

    def __init__(self, what: str, limit: int) -> None:
        self.what = what
        self.limit = limit
        super().__init__(f"At most {limit} {what} are allowed.")


class UnknownKey(CallerError):
    """The access key does not exist."""


class Replayed(CallerError):
    """The nonce of this request was used already."""


class Denied(CallerError):
    """The access key's role does not allow this."""


class Running(CallerError):
    """The first request with this Idempotency-Key is still being done."""


class Reused(CallerError):
    """The Idempotency-Key was used with another request, or by another caller of the account."""


class Stale(CallerError):
    """The thing was changed since the caller saw it."""


class Throttled(CallerError):
    """Too many requests of this kind. `wait_s` is how long the next ones must wait, where that is known."""

    def __init__(self, problem: str = "", wait_s: int | None = None) -> None:
        self.wait_s = wait_s
        super().__init__(problem)


class DeviceError(UpwellError):
    """A device sent something that can't be understood."""


class ServerError(UpwellError):
    """Our own side is not able to do it now."""


class Held(ServerError):
    """Other transactions hold the rows that this needs."""


class Unavailable(ServerError):
    """A part this needs does not answer."""


class Busy(Unavailable):
    """Too much of this is asked at once; try again later."""
