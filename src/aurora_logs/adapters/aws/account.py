"""Which account and region the credentials in force belong to: the key of the shared API budget."""

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from aurora_logs.adapters.aws.refusals import Call, Refusal, translate, translate_exception
from aurora_logs.errors import ConfigError


def account_and_region(*, region: str | None, account_id: str = "") -> tuple[str, str]:
    """Return account and region; the account is asked of STS unless it is known. Raises: Transient, ConfigError."""
    call = Call(operation="GetCallerIdentity", host="sts")
    try:
        session = boto3.session.Session(region_name=region)
        found = session.region_name
        if not found:
            raise ConfigError("The AWS configuration does not fit: no region", hint="set AWS_REGION, for example eu-central-1")
        if account_id:
            return account_id, found
        client = session.client("sts", config=Config(retries={"total_max_attempts": 3, "mode": "standard"},
                                                     connect_timeout=3, read_timeout=5))
        return str(client.get_caller_identity()["Account"]), found
    except ClientError as exc:
        error, meta = exc.response.get("Error", {}), exc.response.get("ResponseMetadata", {})
        raise translate(call, Refusal(status=int(meta.get("HTTPStatusCode", 0)), code=str(error.get("Code") or ""),
                                      message=str(error.get("Message") or ""), headers={}, now_us=0)) from exc
    except BotoCoreError as exc:
        raise (translate_exception(call, exc) or ConfigError(str(exc))) from exc
