"""What is collected: accounts and regions, and rules that take instances in or leave them out. Pure; texts of settings in.

A rule is conditions joined by `&`, all of which must hold; rules are separated by commas, one of them suffices. AWS allows
neither sign in an identifier or a tag.
"""

import re
from collections.abc import Mapping
from fnmatch import fnmatchcase

import msgspec

ROLE_ARN = re.compile(r"arn:[\w-]+:iam::(?P<account>\d{12}):role/[\w+=,.@/-]+")
EXTERNAL_ID = re.compile(r"[\w+=,.@:/-]{2,1224}")
REGION = re.compile(r"[a-z]{2}(-[a-z]+)+-\d+")
SUBJECTS = ("name", "cluster", "engine", "tag")


class Role(msgspec.Struct, frozen=True, kw_only=True):
    """A role of another account, and the external id that its trust policy may ask for ("": none)."""

    arn: str
    external_id: str = ""

    @property
    def account_id(self) -> str:
        """The account that the role belongs to."""
        found = ROLE_ARN.fullmatch(self.arn)
        return found["account"] if found else ""


class Condition(msgspec.Struct, frozen=True):
    """One condition: the subject's text fits the glob. key: of a tag; "" for other subjects."""

    subject: str
    key: str
    glob: str

    def holds(self, texts: Mapping[str, str], tags: Mapping[str, str]) -> bool:
        """Tell whether it holds for an instance. texts: by subject."""
        text = tags.get(self.key) if self.subject == "tag" else texts[self.subject]
        return text is not None and fnmatchcase(text, self.glob)


class Selection(msgspec.Struct, frozen=True, kw_only=True):
    """Rules that take in (none: all are), and rules that leave out, which are stronger."""

    include: tuple[tuple[Condition, ...], ...] = ()
    exclude: tuple[tuple[Condition, ...], ...] = ()

    def wants(self, *, name: str, cluster: str, engine: str, tags: Mapping[str, str]) -> bool:
        """Tell whether an instance is collected. name, cluster: identifiers as AWS has them."""
        texts = {"name": name, "cluster": cluster, "engine": engine}

        def fits(rules: tuple[tuple[Condition, ...], ...]) -> bool:
            return any(all(condition.holds(texts, tags) for condition in rule) for rule in rules)

        return (not self.include or fits(self.include)) and not fits(self.exclude)


def roles_of(text: str) -> list[Role]:
    """Read `ARN` or `ARN#external-id`, separated by blanks. Raises: ValueError that says what is wrong."""
    found = []
    for word in text.split():
        arn, _, external_id = word.partition("#")
        if not ROLE_ARN.fullmatch(arn):
            raise ValueError(f"{arn!r} is no role: arn:aws:iam::<account>:role/<name>")
        if "#" in word and not EXTERNAL_ID.fullmatch(external_id):
            raise ValueError(f"the external id of {arn} has 2 to 1224 letters, digits or + = , . @ : / -")
        found.append(Role(arn=arn, external_id=external_id))
    accounts = [role.account_id for role in found]
    for account_id in set(accounts):
        if accounts.count(account_id) > 1:
            raise ValueError(f"account {account_id} has two roles; one is enough")
    return found


def regions_of(text: str) -> list[str]:
    """Read names of regions, separated by blanks or commas, each once. Raises: ValueError."""
    found = list(dict.fromkeys(text.replace(",", " ").split()))
    for region in found:
        if not REGION.fullmatch(region):
            raise ValueError(f"{region!r} is no region, such as eu-central-1")
    return found


def rules_of(text: str) -> tuple[tuple[Condition, ...], ...]:
    """Read rules such as `engine:aurora-*&tag:env=prod, name:billing-*`. Raises: ValueError."""
    return tuple(tuple(_condition(part.strip()) for part in rule.split("&")) for rule in text.split(",") if rule.strip())


def _condition(text: str) -> Condition:
    subject, _, rest = text.partition(":")
    key, sign, glob = rest.partition("=") if subject == "tag" else ("", "", rest)
    if subject == "tag" and not sign:
        glob = "*"
    if subject not in SUBJECTS or not glob or (subject == "tag" and not key):
        raise ValueError(f"{text!r} is no condition: name:GLOB, cluster:GLOB, engine:GLOB, tag:KEY or tag:KEY=GLOB")
    return Condition(subject, key, glob)


def problems(**texts: str) -> list[str]:
    """Return what is wrong with these settings, by their names; each has a reader here."""
    readers = {"aws_regions": regions_of, "assume_roles": roles_of, "instances_include": rules_of, "instances_exclude": rules_of}
    found = []
    for name, text in texts.items():
        try:
            readers[name](text)
        except ValueError as error:
            found.append(f"{name.upper()}: {error}")
    return found
