"""Faults that change an instance behind a listing: rotation, purge, restart, failover, stop, deletion, other names."""

from __future__ import annotations

from aurora_logs_simulator.account import Account
from aurora_logs_simulator.clock import HOUR_US
from aurora_logs_simulator.family import DatedFamily
from aurora_logs_simulator.faults import Faults
from aurora_logs_simulator.instance import Instance

OPERATION = "DescribeDBLogFiles"
RENAMED, GREEN, OLD = "-renamed", "-green", "-old1"


def strike_life(account: Account, faults: Faults, instance: Instance, now_us: int) -> None:
    """Let each planted fault strike that happens right behind a listing of this instance."""
    place = {"operation": OPERATION, "instance": instance.identifier}
    for log_type, family in instance.families.items():
        if faults.strike("rotate_between_list_and_download", file=log_type, **place):
            family.flush(now_us)
            family.rotate_early(now_us)
        if family.closed and faults.strike("purge_unread", file=log_type, **place):
            family.purge(family.closed[0])
        if isinstance(family, DatedFamily):
            plain = [segment for segment in family.closed if not segment.is_compressed]
            if plain and faults.strike("compress_closed", file=log_type, **place):
                family.compress(plain[0])
    for fault in ("shrink_on_restart", "shrink_silent", "shrink_mid_entry"):
        rule = faults.strike(fault, **place)
        if rule is not None:
            account.restart(
                instance.identifier,
                now_us,
                shrink_bytes=int(rule.amount()),
                silent=fault == "shrink_silent",
                mid_entry=fault == "shrink_mid_entry",
            )
    if instance.cluster is not None and len(account.members(instance.cluster)) > 1:
        rule = faults.strike("fail_over", **place)
        if rule is not None:
            account.fail_over(instance.cluster, now_us, shrink_bytes=int(rule.amount()))
    _end(account, faults, instance, now_us)
    if faults.strike("instance_renamed", **place):
        name = instance.identifier
        new_name = name.removesuffix(RENAMED) if name.endswith(RENAMED) else name + RENAMED
        account.rename(name, new_name, now_us)
    if instance.identifier + GREEN in account.instances and faults.strike("names_switched", **place):
        name = instance.identifier
        account.rename(name, name + OLD, now_us)
        account.rename(name + GREEN, name, now_us)


def _end(account: Account, faults: Faults, instance: Instance, now_us: int) -> None:
    """Let the instance go, or its logs: announced at one strike, done at the next."""
    place = {"operation": OPERATION, "instance": instance.identifier}
    if faults.is_on("instance_stopping") and faults.strike("instance_stopping", **place):
        if instance.status == "stopping":
            account.drop_logs(instance, "purged")
            instance.status = "stopped"
        else:
            instance.status = "stopping"
    if faults.strike("instance_deleting", **place):
        if instance.status == "deleting":
            account.delete(instance.identifier, now_us)
        else:
            instance.status = "deleting"
    pressure = faults.strike("storage_pressure", **place)
    if pressure is not None:
        for family in instance.families.values():
            family.retention_us = int(pressure.amount() * HOUR_US)
