"""Time under the test's hand: all load in one hour, which ends when the test says so; then every file closes and is audited."""

from tools.distributed.sight import wait_until

ONE_HOUR = {"speed": 1}  # log seconds a second: the hour ends long after the load
FAST = 300  # log seconds a second, to come to the hour's end
HOUR_US = 3_600_000_000


def close_all_files(world):
    """End the load and the hour; a last entry makes PostgreSQL begin a new file. Wait until all is delivered and audited."""
    world.rds.post("stop-writing")
    hour = world.rds.get("clock")["now_us"] // HOUR_US
    world.rds.post("clock", speed=FAST)
    wait_until(lambda: world.rds.get("clock")["now_us"] // HOUR_US > hour, "the hour is over", within_sec=30)
    world.rds.post("clock", speed=1)
    for one in world.rds.get("instances"):
        if "postgresql" in one["engine"]:
            world.rds.post("write", instance=one["identifier"], log_type="postgresql")
    wait_until(lambda: not world.sight.behind(), "every listed byte is delivered", within_sec=90)
    wait_until(lambda: not unaudited(world), "every closed file is audited", within_sec=60)


def unaudited(world):
    """Return the files of the hour that is over that were not audited; one without a record needs none."""
    rows = world.fleet.state.all_tracked()
    newest = {row.instance_id: max(one.log_file_name for one in rows if one.instance_id == row.instance_id) for row in rows}
    live = {row: row.log_file_name == (newest[row.instance_id] if row.log_type == "postgresql" else row.family) for row in rows}
    return [row.log_file_name for row in rows if row.records and not row.audited_at and not live[row]]
