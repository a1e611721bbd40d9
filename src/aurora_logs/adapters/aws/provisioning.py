"""Provisioning on DynamoDB: makes the tables of the contract, and tells what stands there in another shape."""

import contextlib
from collections.abc import Mapping
from typing import Any

from aurora_logs.adapters.aws.dynamodb import DynamoDb, TableMissing
from aurora_logs.adapters.aws.tables import LISTED_INDEX, StateTables, TableContract, contracts
from aurora_logs.errors import Conflict, TimedOut
from aurora_logs.ports import Clock
from aurora_logs.records.provision import Shape

READY_WITHIN_SEC = 120.0
LOOK_AGAIN_SEC = 0.5
BILLING = "PAY_PER_REQUEST"


class TableProvisioning:
    """Provisioning of the state tables. Used by one thread."""

    def __init__(self, database: DynamoDb, tables: StateTables, clock: Clock) -> None:
        self._db, self._clock = database, clock
        self._contracts = {contract.name: contract for contract in contracts(tables)}

    def names(self) -> list[str]:
        """Names of the tables, in the order of their making."""
        return list(self._contracts)

    def look(self, name: str) -> Shape:
        """Compare a table with its contract. Raises: Transient, ConfigError."""
        contract = self._contracts[name]
        found = self._described(name)
        if found is None:
            return Shape(name=name, missing=(_sentence(contract), *_ttl_part(contract)))
        ttl = self._ttl(name)
        missing = _ttl_part(contract) if contract.ttl and not ttl else ()
        wanted = _described_as(contract) | ({"TTL": contract.ttl or "none"} if ttl else {})
        actual = _as_found(found) | ({"TTL": ttl} if ttl else {})
        return Shape(name=name, missing=missing, differences=tuple(
            f"{what}: found {actual[what]}, wanted {wanted[what]}" for what in wanted if actual[what] != wanted[what]))

    def make(self, name: str) -> None:
        """Make what is missing of a table, and wait until it can be used. Raises: TimedOut, Transient, ConfigError."""
        contract = self._contracts[name]
        found = self._described(name)
        if found is None:
            with contextlib.suppress(Conflict):  # another process made it in the same moment
                self._db.control("create_table", name, **_creation(contract))
        ends_sec = self._clock.monotonic_sec() + READY_WITHIN_SEC
        while (found := self._described(name)) is None or found["TableStatus"] != "ACTIVE":
            if self._clock.monotonic_sec() > ends_sec:
                raise TimedOut(f"{name} is not ready after {READY_WITHIN_SEC:.0f} s", hint="run the command again")
            self._clock.sleep(LOOK_AGAIN_SEC)
        if contract.ttl and not self._ttl(name):
            self._db.control("update_time_to_live", name,
                             TimeToLiveSpecification={"Enabled": True, "AttributeName": contract.ttl})

    def _described(self, name: str) -> dict[str, Any] | None:
        try:
            table: dict[str, Any] = self._db.control("describe_table", name)["Table"]
        except TableMissing:
            return None
        return table

    def _ttl(self, name: str) -> str:
        """Return the TTL attribute that is on or being switched on; "" for none."""
        told = self._db.control("describe_time_to_live", name).get("TimeToLiveDescription", {})
        return str(told.get("AttributeName", "")) if told.get("TimeToLiveStatus") in ("ENABLED", "ENABLING") else ""


def _creation(contract: TableContract) -> dict[str, Any]:
    attributes = dict(contract.keys)
    parameters: dict[str, Any] = {"BillingMode": BILLING, "KeySchema": _schema([name for name, _ in contract.keys])}
    if contract.index_range:
        attributes |= {"listed_as": "S", contract.index_range[0]: contract.index_range[1]}
        parameters["GlobalSecondaryIndexes"] = [{
            "IndexName": LISTED_INDEX, "KeySchema": _schema(["listed_as", contract.index_range[0]]),
            "Projection": {"ProjectionType": "ALL"}}]
    return parameters | {"AttributeDefinitions": [{"AttributeName": name, "AttributeType": sort}
                                                  for name, sort in attributes.items()]}


def _schema(names: list[str]) -> list[dict[str, str]]:
    return [{"AttributeName": name, "KeyType": sort} for name, sort in zip(names, ("HASH", "RANGE"), strict=False)]


def _described_as(contract: TableContract) -> dict[str, str]:
    index = f"listed_as S, {' '.join(contract.index_range)}, ALL" if contract.index_range else "none"
    return {"keys": ", ".join(map(" ".join, contract.keys)), "billing": BILLING, f"index {LISTED_INDEX}": index}


def _as_found(table: Mapping[str, Any]) -> dict[str, str]:
    sorts = {one["AttributeName"]: one["AttributeType"] for one in table.get("AttributeDefinitions", ())}

    def keys(schema: list[dict[str, str]]) -> str:
        ordered = sorted(schema, key=lambda one: one["KeyType"])  # HASH before RANGE
        return ", ".join(f"{one['AttributeName']} {sorts.get(one['AttributeName'], '?')}" for one in ordered)

    index = next((one for one in table.get("GlobalSecondaryIndexes", ()) if one["IndexName"] == LISTED_INDEX), None)
    return {"keys": keys(table["KeySchema"]),
            "billing": table.get("BillingModeSummary", {}).get("BillingMode", "PROVISIONED"),
            f"index {LISTED_INDEX}": f"{keys(index['KeySchema'])}, {index['Projection']['ProjectionType']}" if index else "none"}


def _sentence(contract: TableContract) -> str:
    return "table " + "; ".join(f"{what} {how}" for what, how in _described_as(contract).items() if how != "none")


def _ttl_part(contract: TableContract) -> tuple[str, ...]:
    return (f"TTL on {contract.ttl}",) if contract.ttl else ()
