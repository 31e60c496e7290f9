"""What all clients of Amazon's services share: how they are made, and their errors in ours."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib.util import find_spec
from typing import TYPE_CHECKING

from pipeline.errors import Misconfigured, PipelineError, Refused, ServiceUnavailable, Throttled

if TYPE_CHECKING:
    from boto3 import Session
    from botocore.config import Config
    from botocore.exceptions import BotoCoreError, ClientError

CONNECT_SECONDS = 5
SECONDS = 60
CONNECTIONS = 50

THROTTLED = {
    "ProvisionedThroughputExceededException": 2.0,  # a limit per second
    "ThrottlingException": 5.0,
    "Throttling": 5.0,
    "TooManyRequestsException": 5.0,
    "RequestLimitExceeded": 5.0,
    "SlowDown": 5.0,
    "LimitExceededException": 30.0,  # too many jobs at once: one must end first
}
"""Codes that ask to slow down, and the seconds to wait where the service does not say."""
_WRONG_KEY = {
    "InvalidAccessKeyId", "SignatureDoesNotMatch", "InvalidSignatureException", "UnrecognizedClientException",
    "InvalidClientTokenId", "MissingAuthenticationToken", "MissingAuthenticationTokenException", "IncompleteSignature",
    "AuthFailure",
}  # fmt: skip
_EXPIRED_KEY = {"ExpiredToken", "ExpiredTokenException", "TokenRefreshRequired"}
_WRONG_CLOCK = {"RequestTimeTooSkewed", "RequestExpired"}
_FORBIDDEN = {"AccessDenied", "AccessDeniedException", "AllAccessDisabled", "UnauthorizedOperation", "403"}
_NOT_THERE = {"NoSuchBucket", "QueueDoesNotExist", "AWS.SimpleQueueService.NonExistentQueue"}
_WRONG_REGION = {
    "PermanentRedirect", "AuthorizationHeaderMalformed", "IllegalLocationConstraintException",
    "AuthorizationQueryParametersError", "301",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class AwsAccess:
    """Where Amazon's services are and who asks; what is empty is found as Amazon's own tools find it.

    ``endpoint_url`` replaces the region's address of the one service that it is meant for.
    """

    region: str = ""
    endpoint_url: str = ""
    access_key: str = ""
    secret_key: str = field(default="", repr=False)
    session_token: str = field(default="", repr=False)


ENVIRONMENT = AwsAccess()


def session(access: AwsAccess) -> "Session":
    """A session of one's own: the default one is not thread-safe.

    Raises:
        Misconfigured: boto3 is not installed (code ``not_installed``).
    """
    with translated("AWS"):
        from boto3 import Session

        return Session(
            aws_access_key_id=access.access_key or None,
            aws_secret_access_key=access.secret_key or None,
            aws_session_token=access.session_token or None,
            region_name=access.region or None,
        )


def patience(attempts: int = 1) -> "Config":
    """Time limits, and how often a failed call is made in all; waiting between tasks is not the client's business."""
    _need_boto3()
    from botocore.config import Config

    return Config(
        connect_timeout=CONNECT_SECONDS,
        read_timeout=SECONDS,
        max_pool_connections=CONNECTIONS,
        retries={"mode": "standard", "total_max_attempts": attempts},
    )


@contextmanager
def translated(service: str, away: type[ServiceUnavailable] = ServiceUnavailable) -> Iterator[None]:
    """Turn the driver's errors into ours.

    Args:
        service: as it is named in the sentence.
        away: what is raised when it cannot be reached or is at fault itself.

    Raises:
        Throttled: the service asks to slow down.
        ServiceUnavailable: or ``away``.
        Misconfigured: key, region, permission or bucket are wrong.
    """
    _need_boto3()
    from boto3.exceptions import Boto3Error
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        yield
    except ClientError as fault:
        raise _refusal(fault, service, away) from None
    except Boto3Error as fault:  # a transfer, which hides what happened in its cause
        cause = fault.__cause__ or fault.__context__
        if isinstance(cause, ClientError):
            raise _refusal(cause, service, away) from None
        raise away(f"{service} broke off a transfer.") from None
    except BotoCoreError as fault:
        raise _silence(fault, service, away) from None


def _refusal(fault: "ClientError", service: str, away: type[ServiceUnavailable]) -> PipelineError:
    code, call = code_of(fault), fault.operation_name
    headers = {name.lower(): value for name, value in fault.response["ResponseMetadata"].get("HTTPHeaders", {}).items()}
    if code in THROTTLED:
        wait = _seconds(headers.get("retry-after", "")) or THROTTLED[code]
        return Throttled(f"{service} asks to slow down ({code}).", retry_after=wait)
    if code in _WRONG_KEY:
        return Misconfigured(
            f"{service} does not know these keys. Set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY.", "wrong_key"
        )
    if code in _EXPIRED_KEY:
        return Refused(f"The keys for {service} have expired. Set AWS_SESSION_TOKEN and its keys anew.", "expired_key")
    if code in _WRONG_CLOCK:
        return Misconfigured(f"{service} refuses because this machine's clock is wrong. Set it.", "wrong_clock")
    if code in _FORBIDDEN:
        return Refused(f"{service} does not allow {call} with these keys. Permit it in IAM.", "no_permission")
    if code in _WRONG_REGION:
        right = headers.get("x-amz-bucket-region", "")
        return Misconfigured(
            f"{service} is in another region. Set AWS_REGION{f' to {right}' if right else ''}.", "wrong_region"
        )
    if code in _NOT_THERE:
        return Misconfigured(f"{service} is not there. Create it, or correct its name.", "not_there")
    return away(f"{service} could not serve {call}: {code}.")


def code_of(fault: "ClientError") -> str:
    """The service's name for the fault."""
    return str(fault.response.get("Error", {}).get("Code", "")).rpartition("#")[2]


def _silence(fault: "BotoCoreError", service: str, away: type[ServiceUnavailable]) -> PipelineError:
    from botocore import exceptions as aws

    if isinstance(
        fault, aws.NoCredentialsError | aws.PartialCredentialsError | aws.CredentialRetrievalError | aws.TokenRetrievalError
    ):
        return Misconfigured(f"No keys for {service}. Set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY.", "no_key")
    if isinstance(fault, aws.NoRegionError | aws.InvalidRegionError | aws.UnknownRegionError):
        return Misconfigured(f"The region for {service} is missing or wrong. Set AWS_REGION.", "wrong_region")
    if isinstance(fault, aws.ProfileNotFound | aws.ConfigParseError | aws.ConfigNotFound):
        return Misconfigured(f"The AWS profile cannot be used for {service}. Correct AWS_PROFILE.", "wrong_profile")
    if isinstance(fault, aws.ParamValidationError):
        return Misconfigured(f"A name that was set for {service} is not possible: {_last_line(fault)}", "bad_name")
    return away(f"{service} does not answer ({type(fault).__name__}).")


def _last_line(fault: Exception) -> str:
    return str(fault).strip().rpartition("\n")[2]


def _seconds(text: str) -> float:
    try:
        return max(0.0, float(text))
    except ValueError:
        return 0.0


def _need_boto3() -> None:
    if not find_spec("boto3"):
        raise Misconfigured("boto3 is not installed: pip install 'nlp-pipeline[aws]'", "not_installed")
