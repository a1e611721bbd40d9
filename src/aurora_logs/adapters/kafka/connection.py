"""How a client reaches the brokers: addresses, TLS, login; and what librdkafka's errors mean in the tree."""

import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec

from aurora_logs.errors import AccessDenied, AuroraLogsError, ConfigError, Permanent, TimedOut, Unreachable

# librdkafka would write lines of its own to standard error; what matters comes as an error, too.
_SILENT = logging.getLogger(__name__)
_SILENT.disabled = True
MSK_IAM = "AWS_MSK_IAM"
"""Mechanism: login by a signed request of AWS credentials, as Amazon MSK takes it (OAUTHBEARER on the wire)."""


class BrokerAccess(msgspec.Struct, frozen=True, kw_only=True):
    """Where the brokers are and how to log in.

    brokers: host:port, separated by commas. client_id: the pod, as operators see it in `--describe`.
    security_protocol: PLAINTEXT, SSL, SASL_PLAINTEXT, SASL_SSL. sasl_mechanism: "" without SASL.
    ca_file: own authority, PEM; "": the system's. aws_region: for AWS_MSK_IAM; "": from the SDK's chain.
    """

    brokers: str
    client_id: str
    security_protocol: str = "PLAINTEXT"
    sasl_mechanism: str = ""
    username: str = ""
    password: str = ""
    ca_file: str = ""
    aws_region: str = ""

    def __repr__(self) -> str:
        """Hide the password."""
        return f"BrokerAccess({self.brokers}, {self.security_protocol}, {self.sasl_mechanism})"


def client_settings(access: BrokerAccess, on_error: Callable[[Any], None]) -> dict[str, Any]:
    """Return librdkafka's settings that all our clients share. Raises: ConfigError."""
    if access.ca_file and not Path(access.ca_file).is_file():
        raise ConfigError(f"there is no file {access.ca_file}", hint="KAFKA_CA_FILE: the certificate authority, PEM")
    settings: dict[str, Any] = {
        "bootstrap.servers": access.brokers, "client.id": access.client_id, "error_cb": on_error,
        "security.protocol": access.security_protocol, "allow.auto.create.topics": False,
        "topic.metadata.refresh.interval.ms": 30_000, "topic.metadata.propagation.max.ms": 3_000, "reconnect.backoff.max.ms": 5_000,
        "socket.keepalive.enable": True, "logger": _SILENT,
    }
    if access.ca_file:
        settings["ssl.ca.location"] = access.ca_file
    if access.sasl_mechanism == MSK_IAM:
        from aurora_logs.adapters.kafka.msk_token import token_source  # noqa: PLC0415  # loads botocore

        settings |= {"sasl.mechanism": "OAUTHBEARER", "oauth_cb": token_source(access.aws_region)}
    elif access.sasl_mechanism:
        settings |= {"sasl.mechanism": access.sasl_mechanism, "sasl.username": access.username,
                     "sasl.password": access.password}
    return settings


def translated(error: Any, about: str, *, before: Any = None) -> AuroraLogsError:
    """Return the leaf for a KafkaError. before: the last thing the connection said; it explains a time-out."""
    name = str(error.name())
    explains = before is not None and name in _SILENCE
    said = f"{about}: {error.str()}" + (f" ({before.str()})" if explains and before is not error else "")
    if explains:
        name = str(before.name())
    if name in _DENIED:
        return AccessDenied(f"Kafka refuses {said}", hint="check KAFKA_USERNAME, KAFKA_PASSWORD and the rights of that user")
    if name in _TLS:
        return ConfigError(f"no TLS connection to Kafka, {said}", hint="check KAFKA_CA_FILE and KAFKA_SECURITY_PROTOCOL")
    if name in _NO_TOPIC:
        return ConfigError(f"Kafka has no such topic, {said}", hint="aurora-logs provision topics")
    if name in _TOO_LARGE:
        return Permanent(f"Kafka refuses {said}")
    kind = TimedOut if name in _TIMED_OUT else Unreachable
    return kind(f"Kafka, {said}", hint="check KAFKA_BROKERS and the brokers; it is tried again")


_SILENCE = {"_MSG_TIMED_OUT", "_TIMED_OUT", "_ALL_BROKERS_DOWN", "_TRANSPORT", "_TIMED_OUT_QUEUE"}
_DENIED = {"_AUTHENTICATION", "SASL_AUTHENTICATION_FAILED", "TOPIC_AUTHORIZATION_FAILED", "GROUP_AUTHORIZATION_FAILED",
           "CLUSTER_AUTHORIZATION_FAILED"}
_TLS = {"_SSL"}
_NO_TOPIC = {"UNKNOWN_TOPIC_OR_PART", "_UNKNOWN_TOPIC", "_UNKNOWN_PARTITION"}
_TOO_LARGE = {"MSG_SIZE_TOO_LARGE", "RECORD_LIST_TOO_LARGE", "INVALID_RECORD"}
_TIMED_OUT = {"_MSG_TIMED_OUT", "_TIMED_OUT", "_TIMED_OUT_QUEUE", "REQUEST_TIMED_OUT"}
