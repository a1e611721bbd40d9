"""Who may call: the root user, users, service accounts, and tokens that may ingest only (sheet 3.3)."""

from __future__ import annotations

import base64
import binascii
import hashlib

import msgspec

from aurora_logs_simulator.openobserve.replies import RefusalError, text_reply


class Account(msgspec.Struct, kw_only=True):
    """One login. token: of the ingestion paths; is_service: its password is a token that works on every path."""

    email: str
    password: str
    token: str
    role: str = "admin"
    is_root: bool = False
    is_service: bool = False
    may_search: bool = True
    is_blocked: bool = False


class Access:
    """All accounts of the server."""

    def __init__(self, *, root_user: str, root_password: str, says_realm: bool, seed: str) -> None:
        """Begin with the root user. `says_realm`: a 401 carries WWW-Authenticate."""
        self._says_realm, self._seed, self._drawn = says_realm, seed, 0
        self.accounts: dict[str, Account] = {}
        self.add(root_user, root_password, is_root=True)

    def add(self, email: str, password: str = "", *, is_root: bool = False, is_service: bool = False,
            may_search: bool = True, role: str = "admin") -> Account:
        """Create an account; without a password it gets a token as one."""
        account = Account(email=email, password=password or self._secret(email), token=self._secret(email), role=role,
                          is_root=is_root, is_service=is_service, may_search=may_search)  # fmt: skip
        self.accounts[email] = account
        return account

    def rotate(self, email: str) -> Account:
        """Give an account a new ingestion token."""
        account = self.accounts[email]
        account.token = self._secret(email)
        return account

    def check(self, header: str, *, is_ingest: bool) -> Account:
        """Return whose login it is. Raises: RefusalError with 401 or 403."""
        email, _, secret = decoded(header).partition(":")
        account = self.accounts.get(email)
        if account is None or secret not in ((account.password, account.token) if is_ingest else (account.password,)):
            raise self.unauthorized()
        if account.is_blocked or not (is_ingest or account.may_search):
            raise RefusalError(text_reply("Unauthorized Access" if account.is_blocked else "Not allowed", 403), "not allowed")
        return account

    def unauthorized(self) -> RefusalError:
        """Make the 401 of this version."""
        reply = text_reply("Unauthorized Access", 401)
        if self._says_realm:
            reply.headers["WWW-Authenticate"] = 'Bearer realm="openobserve"'
        return RefusalError(reply, "unauthorized")

    def _secret(self, email: str) -> str:
        self._drawn += 1
        return hashlib.blake2b(f"{self._seed}\0{email}\0{self._drawn}".encode(), digest_size=16).hexdigest()


def decoded(header: str) -> str:
    """Return `user:secret` of a Basic header; empty for anything else."""
    scheme, _, coded = header.partition(" ")
    if scheme.lower() != "basic":
        return ""
    try:
        return base64.b64decode(coded, validate=True).decode()
    except (binascii.Error, UnicodeDecodeError):
        return ""
