"""Errors, named by what to do next.

Every argument goes to ``super().__init__``: Celery pickles exceptions and rebuilds them from ``args`` alone.
"""


class PipelineError(Exception):
    """Something went wrong that has a name and advice.

    Args:
        message: one sentence that a person understands; never holds a secret.
        code: short stable name of the fault, e.g. ``encrypted``; the class's own when empty.
    """

    code = "failed"
    exit_code = 1
    advice = ""

    def __init__(self, message: str, code: str = "") -> None:
        super().__init__(message, code)
        self.message = message
        self.code = code or type(self).code

    def __str__(self) -> str:
        return self.message


class BadDocument(PipelineError):
    """The document itself is at fault: never try again, name the fault, go on with the others."""

    code = "unreadable"
    exit_code = 3
    advice = "Mend or replace the file, then submit it again."


class ServiceUnavailable(PipelineError):
    """A server or service does not answer: wait with back-off and try again."""

    code = "service_unavailable"
    exit_code = 4
    advice = "Check that the server runs and can be reached: nlp-pipeline doctor."


class Outage(ServiceUnavailable):
    """One of our own servers (database, graph, files) is away: wait for it, however long it takes."""

    code = "outage"


class Throttled(ServiceUnavailable):
    """The service asks to slow down: wait as long as it says.

    Args:
        retry_after: seconds to wait.
    """

    code = "throttled"

    def __init__(self, message: str, code: str = "", retry_after: float = 1.0) -> None:
        super().__init__(message, code)
        self.args = (message, code, retry_after)
        self.retry_after = retry_after


class NotReady(PipelineError):
    """Work that runs elsewhere is not finished: look again later.

    Args:
        check_again_in: seconds to wait.
    """

    code = "not_ready"

    def __init__(self, message: str, code: str = "", check_again_in: float = 5.0) -> None:
        super().__init__(message, code)
        self.args = (message, code, check_again_in)
        self.check_again_in = check_again_in


class OverBudget(NotReady):
    """The project's budget is used up: nothing more is paid for until it is raised."""

    code = "over_budget"
    exit_code = 4
    advice = "Raise the budget: nlp-pipeline budget AMOUNT."


class Misconfigured(PipelineError):
    """A setting is missing or wrong: a person must act."""

    code = "misconfigured"
    exit_code = 2
    advice = "Correct the setting and start again: nlp-pipeline doctor."


class Refused(Misconfigured):
    """A service refuses key or account: a person must act, perhaps there and not here; try again for a while."""

    code = "refused"
    advice = "Mend it at the service, or set another key: nlp-pipeline doctor. Then nlp-pipeline retry."


class LeaseLost(PipelineError):
    """Another worker holds a newer token of this document: drop the result, it is not needed."""

    code = "lease_lost"
