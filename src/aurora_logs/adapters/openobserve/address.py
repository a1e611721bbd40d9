"""OPENOBSERVE_URL taken apart and checked; nothing is opened."""

import ipaddress
import socket
from urllib.parse import urlsplit

import msgspec

from aurora_logs.errors import ConfigError

LIKE = "such as https://logs.example.com:5080"
# Where clouds hand out credentials to whoever asks (OO-116); fe80::/10 and 169.254.0.0/16 are link-local as a whole.
METADATA = ("fd00:ec2::254", "metadata.google.internal", "metadata")


class Address(msgspec.Struct, frozen=True, kw_only=True):
    """Where OpenObserve answers. prefix: ZO_BASE_URI without the slash at its end, or ""."""

    scheme: str
    host: str
    port: int
    prefix: str

    @property
    def url(self) -> str:
        """The URL for messages; it never holds a login."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{self.scheme}://{host}:{self.port}{self.prefix}"

    @property
    def is_local(self) -> bool:
        """Whether the way there stays on this machine."""
        ip = _ip(self.host)
        return self.host == "localhost" or (ip is not None and ip.is_loopback)


def parse_address(url: str) -> Address:
    """Take a base URL apart. Raises: ConfigError, without what it may hold of a login."""
    try:
        parts = urlsplit(url.strip())
        host, port = parts.hostname or "", parts.port
    except ValueError:
        raise ConfigError("OPENOBSERVE_URL is no URL", hint=LIKE) from None
    if parts.scheme not in ("http", "https") or not host:
        raise ConfigError(f"OPENOBSERVE_URL must begin with http:// or https://, {LIKE}")
    if parts.username is not None or parts.password is not None:
        raise ConfigError("OPENOBSERVE_URL must hold no login", hint="use OPENOBSERVE_USER and OPENOBSERVE_PASS_FILE")
    if parts.query or parts.fragment:
        raise ConfigError("OPENOBSERVE_URL must end with its path", hint=LIKE)
    ip = _ip(host)
    if host in METADATA or (ip is not None and (ip.is_link_local or ip.is_multicast or ip.is_unspecified or str(ip) in METADATA)):
        raise ConfigError(f"OPENOBSERVE_URL points to {host}, which is no place for a service", hint=LIKE)
    return Address(scheme=parts.scheme, host=host, port=port or (443 if parts.scheme == "https" else 80),
                   prefix=parts.path.rstrip("/"))


def _ip(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    """Read an address in any form that the system's resolver takes, as `2852039166` for 169.254.169.254."""
    try:
        found = ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        try:
            return ipaddress.IPv4Address(socket.inet_aton(host))
        except (OSError, UnicodeEncodeError):
            return None
    return getattr(found, "ipv4_mapped", None) or found
