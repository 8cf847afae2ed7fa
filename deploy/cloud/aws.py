"""Clients of AWS's services, and AWS's errors as ours."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from bintally.errors import BintallyError, InputError, UnavailableError, UsageError
from deploy.cloud.settings import CloudSettings

_NO_CREDENTIALS = "no usable AWS credentials ({}); run 'aws configure' or set AWS_PROFILE, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"
_DENIED = {"AccessDenied", "AccessDeniedException", "AllAccessDisabled", "403", "Forbidden"}
_MISSING = {"NoSuchBucket", "NoSuchKey", "404", "NotFound", "ResourceNotFound"}
_REFUSED = {"ExpiredToken", "ExpiredTokenException", "InvalidAccessKeyId", "InvalidClientTokenId", "SignatureDoesNotMatch",
            "UnrecognizedClientException", "AuthFailure"}  # fmt: skip
_UNKNOWN = {"ResourceNotFound", "ValidationException"}  # a description has no input but the name, which then is not known
_CORRUPTED = {"BadDigest", "InvalidDigest", "XAmzContentSHA256Mismatch", "XAmzContentChecksumMismatch"}


def connect(service: str, settings: CloudSettings, connections: int = 10) -> Any:
    """A client of an AWS service; AWS_ENDPOINT_URL names another server, such as one of your own.

    Raises:
        UnavailableError: boto3 is not installed.
        UsageError: no region, or an unknown profile.
    """
    try:
        import boto3  # type: ignore[import-untyped]
        from botocore.config import Config  # type: ignore[import-untyped]
    except ModuleNotFoundError as error:
        raise UnavailableError(f"needs {error.name}, which is not installed; run: pip install 'bintally[cloud]'") from error
    config = Config(retries={"mode": "standard", "max_attempts": 5}, max_pool_connections=connections, connect_timeout=10)
    with translated(service):
        return boto3.Session(profile_name=settings.profile, region_name=settings.region).client(service, config=config)


@contextmanager
def translated(what: str) -> Iterator[None]:
    """Raise AWS's errors as ours.

    Args:
        what: the job, bucket or file in question.
    """
    from boto3.exceptions import Boto3Error  # type: ignore[import-untyped]
    from botocore import exceptions as aws  # type: ignore[import-untyped]

    try:
        yield
    except aws.ClientError as error:
        raise _from_answer(what, error.response.get("Error", {})) from error
    except (aws.NoCredentialsError, aws.PartialCredentialsError, aws.CredentialRetrievalError, aws.TokenRetrievalError) as error:
        raise UnavailableError(_NO_CREDENTIALS.format(error)) from error
    except (aws.SSOError, aws.UnauthorizedSSOTokenError) as error:
        raise UnavailableError(f"{error}; run 'aws sso login'") from error
    except aws.NoRegionError as error:
        raise UsageError("no AWS region is set; give --region or set AWS_DEFAULT_REGION") from error
    except aws.ProfileNotFound as error:
        raise UsageError(f"{error}; check --profile or AWS_PROFILE") from error
    except (aws.ParamValidationError, aws.InvalidRegionError) as error:
        raise UsageError(f"{what}: {error}") from error
    except aws.FlexibleChecksumError as error:
        raise UnavailableError(f"{what}: was corrupted on its way ({error}); run the same command again") from error
    except (aws.BotoCoreError, Boto3Error) as error:
        raise UnavailableError(f"{what}: {error}; check the network and run the same command again") from error


def described(describe: Callable[[], dict[str, Any]], name: str) -> dict[str, Any] | None:
    """A description of a job or an endpoint, None if there is none of this name."""
    try:
        with translated(name):
            return describe()
    except BintallyError as error:
        if code_of(error) in _UNKNOWN:
            return None
        raise


def code_of(error: BintallyError) -> str:
    """AWS's code behind an error of ours, empty if there is none."""
    answer = getattr(error.__cause__, "response", {})
    return str(answer.get("Error", {}).get("Code", ""))


def _from_answer(what: str, answer: dict[str, str]) -> BintallyError:
    code, message = answer.get("Code", "unknown"), answer.get("Message", "")
    if code in _DENIED:
        return UnavailableError(f"{what}: AWS forbids it ({message}); check the policies of your user, the role and the bucket")
    if code in _MISSING:
        return InputError(f"{what}: is not there ({message}); check its name and --region")
    if code in _REFUSED:
        return UnavailableError(_NO_CREDENTIALS.format(f"{code}: {message}"))
    if code in _CORRUPTED:
        return UnavailableError(f"{what}: was corrupted on its way ({message}); run the same command again")
    if code == "ResourceInUse":
        return InputError(f"{what}: a job of this name is there already; choose another --name")
    if code == "ResourceLimitExceeded":
        return UnavailableError(f"{what}: {message}; ask AWS for a higher quota, or take another --instance-type")
    if code in ("ValidationException", "ValidationError", "PermanentRedirect"):
        return InputError(f"{what}: AWS refuses it: {message}")
    return UnavailableError(f"{what}: AWS answered {code}: {message}")
