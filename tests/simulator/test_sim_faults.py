"""RDS-118: every fault can be switched on alone and shows the answer that the catalogue describes."""

import pytest
from simulated import POSTGRES, SLOW, a_world, family, fault, pass_hours, put, without_header

from aurora_logs_simulator import catalogue
from aurora_logs_simulator.answers import ApiError, Broken
from aurora_logs_simulator.faults import Faults, Rule, UnknownFaultError
from aurora_logs_simulator.instance import Spec
from aurora_logs_simulator.load_faults import CONTROL_BYTES, MULTI_BYTE, SCALING
from aurora_logs_simulator.portions import NOTICE

LINES = b"".join(b"line %02d\n" % n for n in range(40))
PG_OLD = "error/postgresql.log.2026-10-10-06"
CHECKED = {}


def shows(*faults):
    """Mark a check of these faults; each is run once a fault, with the fault's name."""

    def add(check):
        for name in faults:
            CHECKED[name] = check
        return check

    return add


def written(name, **more):
    world = a_world(faults=[fault(name, **more)])
    without_header(world)
    put(world, LINES)
    return world


def portion(world, marker="0", name=SLOW, instance="db-1", lines=None):
    return world.api.download_db_log_file_portion(instance, name, marker=marker, lines=lines)


def listed(world, instance="db-1"):
    return {row["LogFileName"]: row for row in world.api.describe_db_log_files(instance).items}


def code_of(call):
    with pytest.raises(ApiError) as refused:
        call()
    return refused.value.code, refused.value.status


@shows("throttle", "error_500", "error_503", "access_denied", "credentials_expired", "instance_not_ready")
def _a_refusal_before_any_operation(name):
    world = written(name)

    assert code_of(lambda: portion(world)) == {
        "throttle": ("Throttling", 400), "error_500": ("InternalFailure", 500), "error_503": ("ServiceUnavailable", 503),
        "access_denied": ("AccessDenied", 403), "credentials_expired": ("ExpiredToken", 403),
        "instance_not_ready": ("DBInstanceNotReady", 400),
    }[name]  # fmt: skip


@shows("reset", "html_answer", "empty_body", "reset_mid_body", "cut_xml")
def _an_answer_that_does_not_arrive(name):
    with pytest.raises(Broken) as broken:
        portion(written(name))

    assert (broken.value.answer is not None) == (name in ("reset_mid_body", "cut_xml"))


@shows("slow")
def _a_delay(name):
    assert written(name, value=1.5).api.gate.latency_sec("DescribeEvents", "", "") == 1.5


@shows("clock_skew", "complete_gzip_transfer")
def _something_of_http_that_test_sim_clients_and_test_sim_server_show(name):
    assert catalogue.BY_NAME[name]


@shows("listing_empty")
def _no_file(name):
    assert listed(written(name)) == {}


@shows("listing_page_fails")
def _a_later_page_fails(name):
    world = written(name)
    pass_hours(world, 3)
    first = world.api.describe_db_log_files("db-1", max_records=2)

    assert code_of(lambda: world.api.describe_db_log_files("db-1", max_records=2, marker=first.marker))[1] == 500


@shows("listing_repeats")
def _a_file_on_two_pages(name):
    world = written(name)
    pass_hours(world, 2)
    first = world.api.describe_db_log_files("db-1", max_records=2)
    second = world.api.describe_db_log_files("db-1", max_records=2, marker=first.marker)

    assert first.items[-1]["LogFileName"] == second.items[0]["LogFileName"]


@shows("listing_lags")
def _last_written_is_behind(name):
    world = written(name)

    assert listed(world)[SLOW]["LastWritten"] == world.clock.now_us() // 1_000 - 90_000


@shows("listing_stale")
def _the_listing_before(name):
    world = written(name)
    before = listed(world)[SLOW]
    put(world, b"more\n")

    assert listed(world)[SLOW] == before


@shows("listing_reversed")
def _names_turned_round(name):
    world = written(name)
    pass_hours(world, 2)

    assert list(listed(world)) == sorted(listed(world), reverse=True)


@shows("instance_missing")
def _an_instance_is_not_listed(name):
    assert written(name).api.describe_db_instances().items == []


@shows("hostile_names", "unknown_names")
def _odd_names(name):
    odd = {"hostile_names": "../../etc/passwd", "unknown_names": "error/strange.txt"}[name]

    assert listed(written(name))[odd]["Size"] > 0


@shows("error_log_filtered")
def _a_size_that_nobody_gets(name):
    """RDS-56."""
    world = a_world(Spec(identifier="db-1", engine="mysql", log_types=("error",)), faults=[fault(name)])
    size = listed(world)["error/mysql-error-running.log"]["Size"]
    answer = portion(world, name="error/mysql-error-running.log")

    assert size == 19_000 + len(answer.content)
    assert answer.pending is False


@shows("rotate_between_list_and_download")
def _rotated_behind_the_listing(name):
    world = written(name)
    listed(world)

    assert portion(world).marker.startswith("2026-10-10.8:")
    assert portion(world, name=f"{SLOW}.2026-10-10.07").content == LINES


@shows("purge_unread")
def _purged_behind_the_listing(name):
    world = written(name)
    pass_hours(world, 1)
    assert f"{SLOW}.2026-10-10.07" in listed(world)

    assert code_of(lambda: portion(world, name=f"{SLOW}.2026-10-10.07")) == ("DBLogFileNotFoundFault", 404)


def _a_closed_postgresql_file(name):
    world = a_world(POSTGRES, faults=[fault(name)])
    put(world, LINES, "pg-1", "postgresql")
    pass_hours(world, 1)
    return world


@shows("compress_closed")
def _compressed_behind_the_listing(name):
    world = _a_closed_postgresql_file(name)
    assert PG_OLD in listed(world, "pg-1")

    assert portion(world, name=f"{PG_OLD}.gz", instance="pg-1").content == LINES
    assert listed(world, "pg-1")[f"{PG_OLD}.gz"]["Size"] < len(LINES)


@shows("compress_between_portions")
def _compressed_while_it_is_read(name):
    world = _a_closed_postgresql_file(name)

    assert code_of(lambda: portion(world, name=PG_OLD, instance="pg-1")) == ("DBLogFileNotFoundFault", 404)
    assert portion(world, "1:8", f"{PG_OLD}.gz", "pg-1").content == LINES[8:]


@shows("shrink_on_restart", "shrink_silent")
def _all_files_are_shorter(name):
    world = written(name, value=20)
    put(world, b"a last entry of this file\n")
    before = len(family(world).live.content)
    listed(world)

    assert bytes(family(world).live.content).startswith(LINES)
    assert b"a last entry" not in family(world).live.content
    events = [row["Message"] for row in world.api.describe_events().items]
    assert events == ([] if name == "shrink_silent" else ["DB instance shutdown", "DB instance restarted"])
    assert before > len(LINES)


@shows("shrink_mid_entry")
def _the_head_of_a_lost_entry_stays_behind(name):
    world = written(name, value=10)
    listed(world)
    book = family(world).book(family(world).live)

    assert bytes(family(world).live.content).startswith(LINES[:-10])
    assert not bytes(family(world).live.content).startswith(LINES)
    assert [entry.lost for entry in book.entries] == ["shrunk"]


@shows("fail_over")
def _roles_are_swapped(name):
    pair = [Spec(identifier=n, engine="aurora-mysql", cluster="c", is_writer=n == "db-1") for n in ("db-1", "db-2")]
    world = a_world(*pair, faults=[fault(name)])
    listed(world)

    assert [instance.is_writer for instance in world.api.account.members("c")] == [False, True]


@shows("instance_stopping")
def _stopping_then_without_logs(name):
    """RDS-91."""
    world = written(name)
    listed(world)
    assert world.api.describe_db_instances().items[0]["DBInstanceStatus"] == "stopping"
    listed(world)

    assert code_of(lambda: listed(world)) == ("DBInstanceNotReady", 400)


@shows("instance_deleting")
def _a_deletion_is_announced_one_listing_before_it_happens(name):
    """RDS-89."""
    world = written(name)
    listed(world)
    assert world.api.account.instance("db-1").status == "deleting"
    assert listed(world)

    assert code_of(lambda: listed(world)) == ("DBInstanceNotFound", 404)


@shows("instance_renamed")
def _files_stay_with_the_instance_whatever_it_is_called(name):
    """RDS-13: two strikes are there and back."""
    world = written(name)
    before = listed(world)
    assert list(world.api.account.instances) == ["db-1-renamed"]
    world.load.write_now("db-1-renamed", "slowquery", 2, world.clock.now_us())

    assert list(listed(world, "db-1-renamed")) == list(before)
    assert list(world.api.account.instances) == ["db-1"]


@shows("names_switched")
def _the_green_instance_gets_the_name(name):
    """RDS-14."""
    world = a_world(*(Spec(identifier=one, engine="mysql") for one in ("db-1", "db-1-green")), faults=[fault(name)])
    resources = {one.identifier: one.resource_id for one in world.api.account.instances.values()}
    listed(world)

    after = {one.identifier: one.resource_id for one in world.api.account.instances.values()}
    assert after == {"db-1-old1": resources["db-1"], "db-1": resources["db-1-green"]}


@shows("storage_pressure")
def _less_is_kept(name):
    """RDS-110: from 24 hours to the value, here 3."""
    world = a_world()
    for _ in range(10):
        put(world, LINES)
        pass_hours(world, 1)
    assert len(listed(world)) == 11
    world.api.faults.add(fault(name, value=3.0))
    listed(world)
    pass_hours(world, 1)

    assert len(listed(world)) == 3


@shows("data_missing", "data_empty_element", "marker_missing", "marker_missing_no_data", "pending_missing")
def _a_missing_element(name):
    answer = portion(written(name))
    shape = (answer.content, answer.marker, answer.pending)

    assert shape == {
        "data_missing": (None, "2026-10-10.7:320", False),
        "data_empty_element": (b"", "2026-10-10.7:320", False),
        "marker_missing": (LINES, None, False),
        "marker_missing_no_data": (None, None, False),
        "pending_missing": (LINES, "2026-10-10.7:320", None),
    }[name]


@shows("marker_zero", "marker_stuck", "ends_early", "opaque_marker")
def _a_marker_or_a_flag_that_misleads(name):
    world = written(name)
    answer = portion(world, "2026-10-10.7:8", lines=10)

    if name == "marker_zero":
        assert (answer.marker, answer.content) == ("0", LINES[8:88])
    elif name == "marker_stuck":
        assert (answer.marker, answer.content, answer.pending) == ("2026-10-10.7:8", b"", True)
    elif name == "ends_early":
        assert (answer.marker, answer.pending) == ("2026-10-10.7:88", False)
    else:
        assert ":" not in answer.marker
        assert portion(world, answer.marker).content == LINES[88:]


@shows("overlap")
def _bytes_come_again(name):
    answer = portion(written(name, value=16), "2026-10-10.7:80")

    assert answer.content == LINES[64:]


@shows("hole")
def _lines_are_left_out(name):
    answer = portion(written(name))

    assert answer.marker == "2026-10-10.7:320"
    assert len(answer.content) == 320 - 5 * 8


@shows("built_marker_refused")
def _only_markers_that_were_handed_out(name):
    world = written(name)
    given = portion(world, lines=3).marker

    assert portion(world, given).content == LINES[24:]
    assert code_of(lambda: portion(world, "2026-10-10.7:17")) == ("InvalidParameterValue", 400)


@shows("marker_refused")
def _a_good_marker_is_refused(name):
    assert code_of(lambda: portion(written(name), "2026-10-10.7:8")) == ("InvalidParameterValue", 400)


@shows("line_truncated", "line_truncated_at_cap", "cap_cuts_bytes")
def _the_cap_lands_in_a_line(name):
    answer = portion(written(name))
    kept = answer.content.removesuffix(NOTICE)
    offset = int(answer.marker.rpartition(":")[2])

    assert answer.content.endswith(NOTICE) == (name != "cap_cuts_bytes")
    assert LINES.startswith(kept)
    assert not kept.endswith(b"\n")
    assert (offset == len(kept)) == (name != "line_truncated")
    assert (offset % 8 == 0) == (name == "line_truncated")


@shows("file_not_found_once")
def _not_found_and_then_there(name):
    world = written(name, probability=0.0, nth=1)

    assert code_of(lambda: portion(world)) == ("DBLogFileNotFoundFault", 404)
    assert portion(world).content == LINES


@shows("rotate_between_portions")
def _rotated_before_the_answer(name):
    """RDS-45: another ordinal answers, and the rest is under the rotated name."""
    world = written(name, probability=0.0, nth=2)
    first = portion(world, lines=3)
    second = portion(world, first.marker)
    third = portion(world, second.marker)

    assert (first.marker, second.content) == ("2026-10-10.7:24", LINES[24:])
    assert third.marker.startswith("2026-10-10.8:")


@shows("chain_rotates")
def _the_chain_moves_on(name):
    """RDS-51: the name holds another file now."""
    audit = Spec(identifier="db-1", engine="mysql", log_types=("audit",), audit_chain=True)
    world = a_world(audit, faults=[fault(name)])
    put(world, LINES, log_type="audit")

    assert portion(world, name="audit/server_audit.log").content == b""
    assert bytes(family(world, log_type="audit").closed[0].content) == LINES


@shows("live_ordinal_on_rotated")
def _the_live_hour_on_a_rotated_name(name):
    world = written(name)
    pass_hours(world, 1)

    assert portion(world, name=f"{SLOW}.2026-10-10.07").marker == "2026-10-10.8:320"


@shows("instance_deleted")
def _deleted_before_the_answer(name):
    """RDS-89."""
    world = written(name)

    assert code_of(lambda: portion(world)) == ("DBInstanceNotFound", 404)
    assert world.api.account.ledger.totals()["lost_bytes"] == 320


@shows("binary_line")
def _one_line_is_refused_for_good(name):
    """RDS-73: the rest can be had around it, and the ledger names it."""
    world = written(name, probability=0.0, nth=1)
    world.api.faults.add(fault("complete_forbidden"))
    refused = [code_of(lambda: portion(world))[0] for _ in range(2)]
    span = world.api.ledger_report()["files"][0]["unreadable"][0]

    assert refused == ["InvalidParameterValue"] * 2
    assert (span["start"] % 8, span["end"] - span["start"]) == (0, 8)
    assert portion(world, lines=span["start"] // 8).content == LINES[: span["start"]]
    assert portion(world, f"2026-10-10.7:{span['end']}").content == LINES[span["end"] :]


@shows("binary_refused")
def _the_whole_range_is_refused(name):
    world = written(name)

    assert code_of(lambda: portion(world)) == ("InvalidParameterValue", 400)
    assert code_of(lambda: portion(world, "2026-10-10.7:312")) == ("InvalidParameterValue", 400)


@shows("lossy_question_marks")
def _one_question_mark_a_byte(name):
    world = written(name)
    put(world, "ãçeñt\n".encode())

    assert portion(world).content[320:] == b"????e??t\n"


@shows("cdata", "entities_named", "entities_decimal", "entities_hex")
def _another_spelling(name):
    assert portion(written(name)).spelling == name.removeprefix("entities_")


@shows("complete_forbidden", "complete_not_found", "complete_cut", "complete_file_rotates", "complete_gzip_content")
def _the_complete_path(name):
    world = written(name)

    if name in ("complete_forbidden", "complete_not_found"):
        expected = {"complete_forbidden": 403, "complete_not_found": 404}[name]
        assert code_of(lambda: world.api.download_complete_log_file("db-1", SLOW))[1] == expected
        return
    whole = world.api.download_complete_log_file("db-1", SLOW)
    received = b"".join(whole.pieces())
    if name == "complete_cut":
        assert (received, whole.size_bytes) == (LINES[:96], 320)
    else:
        assert received == LINES
        assert (f"{SLOW}.2026-10-10.07" in listed(world)) == (name == "complete_file_rotates")


@shows("carriage_returns", "control_bytes", "multi_byte", "notice_in_text", "long_line", "huge_line", "scaling_lines")
def _hard_text_behind_an_entry(name):
    error_log = name == "scaling_lines"
    log_type = "error" if error_log else "slowquery"
    world = a_world(Spec(identifier="db-1", engine="mysql"), faults=[fault(name)])
    world.load.write_now("db-1", log_type, 1, world.clock.now_us())
    live = family(world, log_type=log_type).live
    entry = family(world, log_type=log_type).book(live).entries[0]
    last_line = bytes(live.content)[entry.start : entry.end].rpartition(b"\n-- ")[2]

    assert entry.altered
    assert {
        "carriage_returns": b"\r" in live.content, "control_bytes": CONTROL_BYTES in last_line,
        "multi_byte": MULTI_BYTE in last_line, "notice_in_text": live.content.endswith(NOTICE),
        "long_line": len(last_line) == 300_001, "huge_line": len(last_line) == 3_000_001, "scaling_lines": SCALING in last_line,
    }[name]  # fmt: skip


@shows("equal_entries", "half_entry", "straddle_rotation", "repeated_header")
def _a_way_of_writing(name):
    world = a_world(faults=[fault(name)], entries_per_sec=0.01)
    world.load.run_until(world.clock.now_us() + 400 * 1_000_000)
    books = world.api.account.ledger.books
    entries = [entry for book in books for entry in book.entries]

    if name == "equal_entries":
        assert entries[0].token == entries[1].token
        assert entries[0].end == entries[1].start
    elif name == "half_entry":
        assert not family(world).live.content.endswith(b"\n")
        world.load.stop()
        assert family(world).live.content.endswith(b"\n")
    elif name == "straddle_rotation":
        assert [entry.part for entry in entries[:2]] == [False, True]
        assert len(books) > 1
    else:
        assert family(world).live.content.count(b"started with:") > 1


@pytest.mark.parametrize("name", sorted(catalogue.BY_NAME))
def test_each_fault_shows_its_answer_alone(name):
    CHECKED[name](name)


def test_no_check_is_left_of_a_fault_that_is_gone():
    assert set(CHECKED) == set(catalogue.BY_NAME)


def test_every_case_of_the_sheet_that_a_server_can_show_has_a_fault():
    """§14.1 to §14.7; the others are situations that need no fault: a test names them there."""
    named = " ".join(known.cases for known in catalogue.ALL)
    needed = (4, 5, 6, 7, 9, 11, 12, 13, 14, 15, 16, 19, 22, 23, 24, 25, 26, 27, 28, 29, 31, 33, 34, 35, 38, 39, 44, 45, 46, 51, 54, 56, 62, 63, 64, 65, 66, 67, 68,
              71, 72, 73, 74, 75, 76, 77, 78, 80, 84, 89, 90, 91, 92, 95, 96, 97, 98, 102,
              106, 110)  # fmt: skip

    assert [case for case in needed if f"RDS-{case}" not in named] == []


class TestRules:
    def test_an_unknown_name_is_refused(self):
        with pytest.raises(UnknownFaultError, match="python -m aurora_logs_simulator faults"):
            Faults(seed="1", rules=[fault("no_such_thing")])

    def test_the_nth_chance_of_one_instance_and_file(self):
        faults = Faults(seed="1", rules=[Rule(fault="hole", nth=2, instance="a", file="slow")])
        asked = [("a", "slow"), ("b", "slow"), ("a", "error"), ("a", "slow"), ("a", "slow")]

        struck = [faults.strike("hole", instance=i, file=f) is not None for i, f in asked]

        assert struck == [False, False, False, True, False]
        assert faults.struck == {"hole": 1}

    def test_no_more_than_so_many_times(self):
        faults = Faults(seed="1", rules=[fault("hole", times=2)])

        assert sum(faults.strike("hole") is not None for _ in range(9)) == 2

    def test_a_probability_is_met_and_the_seed_decides_where(self):
        def drawn(seed):
            faults = Faults(seed=seed, rules=[fault("hole", 0.3)])
            return [faults.strike("hole", instance="a") is not None for _ in range(2_000)]

        assert drawn("1") == drawn("1")
        assert drawn("1") != drawn("2")
        assert 0.26 < sum(drawn("1")) / 2_000 < 0.34

    def test_another_file_between_changes_no_draw(self):
        """RDS-116: threads may come in any order."""
        alone = Faults(seed="1", rules=[fault("hole", 0.3)])
        mixed = Faults(seed="1", rules=[fault("hole", 0.3)])
        first = [alone.strike("hole", file="a") is not None for _ in range(100)]
        second = []
        for _ in range(100):
            mixed.strike("hole", file="b")
            second.append(mixed.strike("hole", file="a") is not None)

        assert first == second

    def test_the_table_has_a_row_a_fault(self):
        assert len(catalogue.table().splitlines()) == len(catalogue.ALL) + 2
