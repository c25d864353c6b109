"""What a failed call of AWS says about its outcome: not carried out, or not known; not now, or never.

A call whose answer is lost may have been carried out. botocore then repeats it, and what the first request has made refuses
the second. So a failure proves that nothing was made only when it is AWS's refusal of the first and only request.
"""

from __future__ import annotations

from botocore.exceptions import BotoCoreError, ClientError, ConnectionError, HTTPClientError, ParamValidationError

from drills.aws.calls.answers import UnreadableAnswer
from drills.aws.read import error_code

# what a thing says that is in use, changes, or waits for another ("Common Errors" of the RDS and EC2 API references)
IN_USE = frozenset(
    {
        "DependencyViolation",
        "InvalidDBInstanceState",
        "InvalidDBInstanceStateFault",
        "InvalidDBParameterGroupState",
        "InvalidDBParameterGroupStateFault",
        "InvalidDBSnapshotState",
        "InvalidDBSnapshotStateFault",
        "InvalidDBSubnetGroupStateFault",
        "InvalidDBSubnetStateFault",
        "ResourceInUseException",  # of DynamoDB, while a table is being made
        "VolumeInUse",
        "FileSystemInUse",  # somebody has made a mount target
        "BucketNotEmpty",  # a restore still writes to it
    }
)
# what passes by itself: too many requests, and errors of AWS's own (botocore's "standard" retries, the common errors of AWS)
_PASSING = frozenset(
    {
        "InternalError",
        "InternalFailure",
        "PriorRequestNotComplete",
        "RequestLimitExceeded",
        "RequestThrottled",
        "RequestThrottledException",
        "RequestTimeout",
        "RequestTimeoutException",
        "ServiceUnavailable",
        "SlowDown",
        "ThrottledException",
        "Throttling",
        "ThrottlingException",
        "TooManyRequestsException",
        "Unavailable",
    }
)
_UNSUPPORTED = frozenset({"501", "InvalidAction", "NotImplemented", "UnknownOperationException"})
_EXISTS = ("AlreadyExists", "Duplicate", "ResourceExists")


def status_of(error: ClientError) -> int:
    """Return the HTTP status of a refusal, 0 where it is not known."""
    return int(error.response.get("ResponseMetadata", {}).get("HTTPStatusCode") or 0)


def says_exists(error: ClientError | BotoCoreError) -> bool:
    """Return whether AWS says that what was to be made is there already."""
    return isinstance(error, ClientError) and any(word in error_code(error) for word in _EXISTS)


def was_not_carried_out(error: ClientError | BotoCoreError) -> bool:
    """Return whether the call was certainly not carried out: the first and only request of it was refused.

    A thing of that name that is there already may be this call's own: that is no such refusal.
    """
    if isinstance(error, ParamValidationError):  # botocore's own, before anything is sent
        return True
    if not isinstance(error, ClientError) or says_exists(error) or passes(error):
        return False
    repeated = error.response.get("ResponseMetadata", {}).get("RetryAttempts")
    return repeated == 0 and 400 <= status_of(error) < 500


def passes(error: ClientError | BotoCoreError) -> bool:
    """Return whether a failure can pass by itself: no answer, an error of AWS's own, too many requests."""
    if not isinstance(error, ClientError):
        return isinstance(error, HTTPClientError | ConnectionError | UnreadableAnswer)
    if is_unsupported(error):
        return False
    return status_of(error) >= 500 or error_code(error) in _PASSING


def is_unsupported(error: ClientError | BotoCoreError) -> bool:
    """Return whether an AWS-compatible endpoint says that it has no such operation, now and later.

    LocalStack answers 501 for an operation or a service that its edition lacks (localstack/services/plugins.py and
    localstack/aws/handlers/service.py of localstack-core 2026.3.0), with the code of an internal failure that AWS has for
    what passes. AWS's own word for an action that there is not is InvalidAction, and UnknownOperationException in JSON.
    """
    if not isinstance(error, ClientError):
        return False
    return status_of(error) == 501 or error_code(error) in _UNSUPPORTED


def is_in_use(error: ClientError | BotoCoreError) -> bool:
    """Return whether AWS refuses because the thing is in use or changes, which ends when what uses it is gone."""
    return isinstance(error, ClientError) and error_code(error) in IN_USE
