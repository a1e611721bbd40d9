"""The cheap question before redaction: can this text hold a credential at all? Which one, and where, is asked later."""

import re
from typing import Final

# `re` looks for one single byte at 0.3 ms per MB, for a class of bytes or without regard to case at 5 to 12, and a
# search for each marker costs 0.5. So one rare letter of each marker, whatever its case, becomes the same byte "\1"
# (\2 for J), all other letters become small, and one pattern that begins with \1 finds all of them: 2 ms per MB.
_ANCHORS: Final = b"wWyYfFgGhHkK/SxX"


def _folding() -> bytes:
    table = bytearray(range(256))
    for letter in range(ord("A"), ord("Z") + 1):
        table[letter] = letter + ord("a") - ord("A")
    for letter in _ANCHORS:
        table[letter] = 1
    table[ord("J")] = 2
    return bytes(table)


_FOLDING: Final = _folding()
# Folding merges letters: a yes may be wrong and costs a second look at the text; a no is certain.
_FOLDED: Final = re.compile(
    rb"\x01(?:"
    rb"o(?<=pa[s\x01][s\x01]\x01o)"  # password, master_password, sslpassword
    rb"|d(?<=pa[s\x01][s\x01]\x01d)"  # passwd
    rb"|pt(?<=cr\x01pt)"  # AES_ENCRYPT, DES_DECRYPT, pgp_sym_encrypt, crypt
    rb"|i(?:ed(?<=identi\x01ied)|a(?<=a\x01ia)[0-9a-z\x01\x02]{4})"  # identified; AKIA…, ASIA…
    rb"|ram(?<=pro\x01ram)"  # COPY … PROGRAM
    rb"|ternal(?<=et_e\x01ternal)"  # mysql.rds_set_external_master(host, port, user, password, …)
    rb"|e(?<=private \x01e)"  # PRIVATE KEY of a PEM file
    rb"|[s\x01]_cred"  # create_aws_credentials
    rb"|d(?<=p\x01d)"  # pwd
    rb"|mac"  # hmac
    rb"|en(?:(?<=ion_to\x01en)|(?<=ionto\x01en))"  # session_token, sessiontoken
    rb"|(?<=_[s\x01]trin\x01)"  # authentication_string, auth_string
    rb"|\x01(?:(?<=:\x01\x01)|(?<=pa\x01\x01))"  # the :// of a URI; PASS
    rb"|\x02(?<=[.]e\x01\x02)"  # .eyJ, the second part of a JWT
    rb")",
)
# Markers without such a letter: a search each.
_PLAIN: Final = (b"ecret", b"pass")
_EXACT: Final = re.compile(
    rb"pass(?:wo?r?d|phrase|code)|(?<![a-z])pass(?![a-z])|pwd|crypt|identified|A[KS]IA[0-9A-Z]{4}|program|set_external"
    rb"|private key|(?<![a-z])secret|auth(?:entication)?_string|session_?token|hmac|aws_cred|[.]eyJ",
    re.IGNORECASE,
)
_URI: Final = re.compile(rb"://[^\s/?#:]*:")
_AROUND_BYTES: Final = 24  # of a letter that a marker may lie around; no marker is longer


def suspicious(chunk: bytes) -> bool:
    """Say whether a credential may stand in this text; False is certain for every rule of SEC-12.

    Made for whole chunks of a log (headers and all), so that a clean chunk costs no work per statement.
    """
    folded = chunk.translate(_FOLDING)
    for hit in _FOLDED.finditer(folded):
        at = hit.start()
        if _near(chunk, at) or _URI.match(chunk, at - 1 if at else 0):
            return True
    for marker in _PLAIN:
        at = folded.find(marker)
        while at >= 0:
            if _near(chunk, at):
                return True
            at = folded.find(marker, at + 1)
    return False


def _near(chunk: bytes, at: int) -> bool:
    return _EXACT.search(chunk, max(at - _AROUND_BYTES, 0), at + _AROUND_BYTES) is not None
