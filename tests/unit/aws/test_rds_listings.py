"""RdsLogSource lists instances and files whole or not at all, and never takes a broken answer for an empty one."""

import pytest
from tests.unit.aws.scripted import Answer, form_of, instances_answer, listing, one_after_the_other, refusal

from aurora_logs.errors import ConfigError, InstanceGone, Unreachable


def test_a_file_on_two_pages_is_one_file_with_the_later_values(serve):
    """RDS-07."""
    server, source = serve(one_after_the_other(
        listing([("error/a.log", 5_000, 10), ("slowquery/mysql-slowquery.log.2026-10-10.08", 4_000, 7)], "next"),
        listing([("error/a.log", 6_000, 12), ("error/b.log", 1, 2)]),
    ))
    files = {file.log_file_name: file for file in source.log_files("db-1")}

    assert {name: (file.last_written_ms, file.size_bytes) for name, file in files.items()} == {
        "error/a.log": (6_000, 12), "error/b.log": (1, 2), "slowquery/mysql-slowquery.log.2026-10-10.08": (4_000, 7),
    }  # fmt: skip
    assert files["slowquery/mysql-slowquery.log.2026-10-10.08"].ordinal == "2026-10-10.8"
    assert form_of(server.asked[1])["Marker"] == "next"


def test_a_listing_whose_second_page_fails_is_no_listing(serve):
    """RDS-06."""
    _, source = serve(one_after_the_other(listing([("error/a.log", 1, 1)], "next"), refusal("InternalFailure", "", 500)))
    with pytest.raises(Unreachable):
        source.log_files("db-1")


def test_pages_that_never_end_are_given_up(serve):
    server, source = serve(lambda _asked: listing([("error/a.log", 1, 1)], "same"))
    with pytest.raises(Unreachable, match="do not end"):
        source.log_files("db-1")

    assert len(server.asked) == 2


def test_an_empty_listing_of_an_instance_with_files_is_asked_for_again(serve, clock):
    """RDS-05."""
    full, empty = listing([("error/a.log", 1, 1)]), listing([])
    server, source = serve(one_after_the_other(full, empty, empty, full))
    source.log_files("db-1")
    files = source.log_files("db-1")

    assert [file.log_file_name for file in files] == ["error/a.log"]
    assert source.calls == {("DescribeDBLogFiles", "ok"): 2, ("DescribeDBLogFiles", "empty"): 2}
    assert len(server.asked) == 4
    assert clock.slept.count(1.0) == 2


def test_an_instance_that_stays_empty_is_believed_after_three_more_calls(serve):
    server, source = serve(one_after_the_other(listing([("error/a.log", 1, 1)]), listing([])))
    source.log_files("db-1")

    assert source.log_files("db-1") == []
    assert len(server.asked) == 5


def test_a_filtered_listing_that_is_empty_is_nothing_new(serve):
    """RDS-08: most polls find nothing written."""
    server, source = serve(one_after_the_other(listing([("error/a.log", 1, 1)]), listing([])))
    source.log_files("db-1")

    assert source.log_files("db-1", written_since_ms=1_760_000_000_123, name_contains="slow") == []
    assert len(server.asked) == 2
    assert form_of(server.asked[1])["FileLastWritten"] == "1760000000123"
    assert form_of(server.asked[1])["FilenameContains"] == "slow"


def test_instances_carry_their_identity_and_role_and_others_are_named_once(serve):
    """RDS-02, RDS-04."""
    named = []
    _, source = serve(instances_answer, on_unsupported=lambda instance_id, engine: named.append((instance_id, engine)))
    one, two = source.instances()
    source.instances()

    assert (one.instance_id, one.resource_id, one.cluster_id, one.is_cluster_writer) == ("shop-1", "db-A", "shop", False)
    assert (one.aws_region, one.account_id, one.engine) == ("eu-west-1", "123456789012", "aurora-mysql")
    assert (two.resource_id, two.is_cluster_writer, two.engine) == ("db-B", True, "aurora-mysql")
    assert named == [("erp", "oracle-ee"), ("graph", "neptune"), ("odd", "mysql (no DbiResourceId)")]


def test_a_cluster_given_as_an_instance_is_explained(serve):
    """RDS-03."""
    _, source = serve(instances_answer)
    with pytest.raises(InstanceGone):
        source.log_files("shop")
    source.instances()

    with pytest.raises(ConfigError, match="shop is a cluster; logs belong to its instances: shop-1, shop-2"):
        source.log_files("shop")
    with pytest.raises(ConfigError, match="shop-1, shop-2"):
        source.read("shop", "error/a.log", "0")


@pytest.mark.parametrize("page", [b"<html><body>x</body></html>", b"<html><br></html>", b"", b"{}", b"<a/>"])
def test_a_listing_that_is_no_answer_is_unreachable_and_no_empty_fleet(serve, page):
    """RDS-77 on the side of boto3."""
    _, source = serve(lambda _asked: Answer(page))
    for ask in (source.instances, lambda: source.log_files("db-1")):
        with pytest.raises(Unreachable):
            ask()
