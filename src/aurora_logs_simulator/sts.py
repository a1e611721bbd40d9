"""AssumeRole and GetCallerIdentity of STS 2011-06-15: roles in, credentials out; sessions end in real time."""

from __future__ import annotations

import hashlib
import re
from collections import Counter

import msgspec

from aurora_logs_simulator import wire
from aurora_logs_simulator.answers import ApiError, Item
from aurora_logs_simulator.clock import SECOND_US, Clock
from aurora_logs_simulator.logfile import utc
from aurora_logs_simulator.scenario import Role
from aurora_logs_simulator.signing import Keys, Request, check
from aurora_logs_simulator.sockets import Answer

NAMESPACE = "https://sts.amazonaws.com/doc/2011-06-15/"
VERSION = "2011-06-15"
ROLE_ARN = re.compile(r"arn:aws[\w-]*:iam::(?P<account>\d{12}):role/(?P<name>[\w+=,.@/-]+)")
SESSION_NAME = re.compile(r"[\w+=,.@-]{2,64}")
DURATION_SEC = (900, 43_200)
DEFAULT_DURATION_SEC = 3_600


class Session(msgspec.Struct, kw_only=True):
    """Credentials of an assumed role. ends_us: on the clock that never runs fast."""

    account_id: str
    arn: str
    secret: str
    token: str
    ends_us: int


class Sts:
    """Hands out sessions and knows whose a key is. The caller holds the lock of the state machine."""

    def __init__(self, *, home_account_id: str, roles: tuple[Role, ...], keys: Keys | None, clock: Clock) -> None:
        """keys: of the home account; None: no signature is checked."""
        self._home_account_id, self._clock, self._keys = home_account_id, clock, keys
        self._roles = {role.arn: role for role in roles}
        self._sessions: dict[str, Session] = {}
        self.calls: Counter[str] = Counter()

    def account_of(self, access_key_id: str) -> str:
        """Return whose account a key belongs to; an unknown one counts as the home account's."""
        session = self._sessions.get(access_key_id)
        return session.account_id if session else self._home_account_id

    def keys_of(self, access_key_id: str) -> Keys | None:
        """Return what a request of this key must be signed with."""
        session = self._sessions.get(access_key_id)
        if session is None:
            return self._keys
        is_over = session.ends_us <= self._clock.real_us()
        return Keys(secrets={access_key_id: session.secret}, tokens=frozenset((session.token,)),
                    expired_tokens=frozenset((session.token,) if is_over else ()))

    def end_sessions(self) -> int:
        """End all sessions now; return how many there were."""
        living = [one for one in self._sessions.values() if one.ends_us > self._clock.real_us()]
        for session in living:
            session.ends_us = self._clock.real_us()
        return len(living)

    def answer(self, request: Request, access_key_id: str, region: str, request_id: str) -> Answer:
        """Answer one signed request; refusals are answers as well."""
        params = wire.parameters(request.body if request.method == "POST" else request.query.encode())
        name = params.get("Action", "")
        self.calls[name] += 1
        try:
            keys = self.keys_of(access_key_id)
            if keys is not None:
                check(request, keys=keys, region=region, service="sts", real_us=self._clock.real_us())
            members = self._members(name, params, access_key_id)
        except ApiError as error:
            return _xml(error.status, wire.error_answer(error, request_id, namespace=NAMESPACE))
        return _xml(200, wire.members_answer(name, members, request_id, namespace=NAMESPACE))

    def _members(self, name: str, params: dict[str, str], access_key_id: str) -> dict[str, Item]:
        operations = {"AssumeRole": self._assume_role, "GetCallerIdentity": self._identity}
        if name not in operations or params.get("Version") != VERSION:
            raise ApiError("InvalidAction", 400, f"Could not find operation {name} for version {params.get('Version')}")
        return operations[name](params, access_key_id)

    def _assume_role(self, params: dict[str, str], access_key_id: str) -> dict[str, Item]:
        arn, name = params.get("RoleArn", ""), params.get("RoleSessionName", "")
        duration_sec = int(params.get("DurationSeconds", DEFAULT_DURATION_SEC))
        found = ROLE_ARN.fullmatch(arn)
        if found is None or not SESSION_NAME.fullmatch(name) or not DURATION_SEC[0] <= duration_sec <= DURATION_SEC[1]:
            raise ApiError("ValidationError", 400, "1 validation error detected: RoleArn, RoleSessionName or DurationSeconds")
        role = self._roles.get(arn)
        if role is None or (role.external_id and role.external_id != params.get("ExternalId")):
            raise ApiError("AccessDenied", 403, f"User: {self._arn_of(access_key_id)} is not authorized to perform: "
                                                f"sts:AssumeRole on resource: {arn}")
        number = len(self._sessions) + 1
        digest = hashlib.sha256(f"{arn}/{name}/{number}".encode()).hexdigest()
        session = Session(
            account_id=found["account"], secret=digest[:40], token=f"session-{digest}",
            arn=f"arn:aws:sts::{found['account']}:assumed-role/{found['name'].rpartition('/')[2]}/{name}",
            ends_us=self._clock.real_us() + int((role.session_sec or duration_sec) * SECOND_US))
        key = f"ASIA{number:04d}{digest[:12].upper()}"
        self._sessions[key] = session
        return {
            "AssumedRoleUser": {"AssumedRoleId": f"AROA{digest[:17].upper()}:{name}", "Arn": session.arn},
            "Credentials": {"AccessKeyId": key, "SecretAccessKey": session.secret, "SessionToken": session.token,
                            "Expiration": f"{utc(session.ends_us):%Y-%m-%dT%H:%M:%SZ}"},
        }

    def _identity(self, _params: dict[str, str], access_key_id: str) -> dict[str, Item]:
        return {"UserId": access_key_id, "Account": self.account_of(access_key_id), "Arn": self._arn_of(access_key_id)}

    def _arn_of(self, access_key_id: str) -> str:
        session = self._sessions.get(access_key_id)
        return session.arn if session else f"arn:aws:iam::{self._home_account_id}:user/reader"


def _xml(status: int, body: bytes) -> Answer:
    return Answer(status=status, body=body, length_bytes=len(body), headers={"Content-Type": wire.XML_TYPE})
