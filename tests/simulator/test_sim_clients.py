"""RDS-117, RDS-119 and §12.2: unmodified clients against the simulator, and each quirk with the client that suffers."""

import datetime
import gzip
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import urllib3
from botocore.auth import SigV4Auth, SigV4QueryAuth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from botocore.exceptions import ClientError, ConnectionClosedError, PaginationError
from botocore.parsers import ResponseParserError
from simulated import (
    MYSQL,
    POSTGRES,
    SLOW,
    START_US,
    RealTimeBeside,
    a_world,
    fault,
    pass_hours,
    put,
    rds,
    served,
    without_header,
)

from aurora_logs_simulator.clock import HOUR_US
from aurora_logs_simulator.instance import Spec
from aurora_logs_simulator.scenario import DEMO

AWS = Path(sys.executable).with_name("aws")


@pytest.fixture
def http():
    with urllib3.PoolManager(retries=False) as pool:
        yield pool


def a_served_world(*specs, faults=(), **settings):
    return a_world(*specs, faults=faults, clock=RealTimeBeside(START_US), **settings)


def aws(server, *arguments):
    environment = {
        "PATH": os.environ["PATH"], "HOME": os.environ["XDG_DATA_HOME"], "AWS_ACCESS_KEY_ID": "SIMULATOR",
        "AWS_SECRET_ACCESS_KEY": "simulator-secret", "AWS_MAX_ATTEMPTS": "1",
    }  # fmt: skip
    command = [
        str(AWS), "rds", *arguments, "--endpoint-url", server.endpoint, "--region", "eu-central-1", "--output", "json",
    ]  # fmt: skip
    return subprocess.run(command, env=environment, capture_output=True, check=False, timeout=60)


def signed(server, path, *, region="eu-central-1", service="rds", secret="simulator-secret", token=None, query=False):
    """A GET as botocore signs it; returns URL and headers."""
    request = AWSRequest("GET", f"{server.endpoint}{path}")
    credentials = Credentials("SIMULATOR", secret, token)
    (SigV4QueryAuth if query else SigV4Auth)(credentials, service, region).add_auth(request)
    return request.prepare().url, dict(request.headers)


class TestAwsCli:
    """RDS-117: the CLI of the virtual environment, unmodified."""

    def test_it_lists_the_files_of_an_instance(self):
        world = a_served_world()
        put(world, b"text\n")
        with served(world) as server:
            done = aws(server, "describe-db-log-files", "--db-instance-identifier", "db-1")

        assert done.returncode == 0, done.stderr
        assert [row["LogFileName"] for row in json.loads(done.stdout)["DescribeDBLogFiles"]] == [SLOW]

    def test_it_downloads_a_portion_with_umlauts_and_markup(self):
        world = a_served_world()
        without_header(world)
        put(world, "SELECT '<ä&ö>' \U0001f600;\n".encode())
        with served(world) as server:
            done = aws(
                server, "download-db-log-file-portion", "--db-instance-identifier", "db-1",
                "--log-file-name", SLOW, "--starting-token", "0",
            )  # fmt: skip

        assert done.returncode == 0, done.stderr
        assert json.loads(done.stdout)["LogFileData"] == "SELECT '<ä&ö>' \U0001f600;\n"

    def test_it_names_an_instance_that_is_not_there(self):
        """RDS-03: a cluster's name gets the same answer."""
        with served(a_served_world()) as server:
            done = aws(server, "describe-db-log-files", "--db-instance-identifier", "c")

        assert done.returncode != 0
        assert b"(DBInstanceNotFound)" in done.stderr


class TestBoto3:
    """RDS-117: plain boto3."""

    def test_what_users_set_in_parameter_groups(self):
        """rds-log-api.md §4.3: what an instance is told, by the group that it names."""
        with served(a_served_world(*DEMO)) as server, rds(server) as client:
            rows = {row["DBInstanceIdentifier"]: row for row in client.describe_db_instances()["DBInstances"]}
            group = rows["billing"]["DBParameterGroups"][0]["DBParameterGroupName"]
            told = client.describe_db_parameters(DBParameterGroupName=group, Source="user")["Parameters"]
            cluster = client.describe_db_clusters()["DBClusters"][0]["DBClusterParameterGroup"]
            of_cluster = client.describe_db_cluster_parameters(DBClusterParameterGroupName=cluster, Source="user")["Parameters"]
            with pytest.raises(client.exceptions.DBParameterGroupNotFoundFault):
                client.describe_db_parameters(DBParameterGroupName="none", Source="user")

        assert {row["ParameterName"]: row["ParameterValue"] for row in told} == {
            "slow_query_log": "1", "log_output": "FILE", "long_query_time": "0.1"}
        assert of_cluster == []
        assert rows["billing"]["EnabledCloudwatchLogsExports"] == []

    def test_instances_and_clusters_of_the_demo(self):
        with served(a_served_world(*DEMO)) as server, rds(server) as client:
            instances = client.describe_db_instances()["DBInstances"]
            clusters = client.describe_db_clusters()["DBClusters"]

        assert [(i["DBInstanceIdentifier"], i["Engine"]) for i in instances] == [
            ("billing", "mysql"), ("ledger-1", "aurora-postgresql"), ("ledger-2", "aurora-postgresql"),
            ("reports", "postgres"), ("shop-1", "aurora-mysql"), ("shop-2", "aurora-mysql"),
        ]  # fmt: skip
        assert {i["DbiResourceId"][:3] for i in instances} == {"db-"}
        assert instances[4]["TagList"] == [{"Key": "team", "Value": "shop"}]
        assert instances[4]["InstanceCreateTime"] == datetime.datetime(2026, 10, 10, 6, 10, tzinfo=datetime.UTC)
        writers = {m["DBInstanceIdentifier"]: m["IsClusterWriter"] for c in clusters for m in c["DBClusterMembers"]}
        assert writers == {"ledger-1": True, "ledger-2": False, "shop-1": True, "shop-2": False}

    def test_316_instances_are_four_pages(self):
        """RDS-01."""
        specs = [Spec(identifier=f"i-{n:03d}", engine="postgres") for n in range(316)]
        world = a_served_world(*specs)
        with served(world) as server, rds(server) as client:
            pages = list(client.get_paginator("describe_db_instances").paginate())

        assert [len(page["DBInstances"]) for page in pages] == [100, 100, 100, 16]
        assert world.api.gate.calls["DescribeDBInstances"] == 4

    @pytest.mark.parametrize("size", [19, 101])
    def test_a_page_size_out_of_bounds_is_refused(self, size):
        refused = pytest.raises(ClientError, match="InvalidParameterValue")
        with served(a_served_world()) as server, rds(server) as client, refused:
            client.describe_db_instances(MaxRecords=size)

    def test_filters_and_one_identifier(self):
        with served(a_served_world(*DEMO)) as server, rds(server) as client:
            found = client.describe_db_instances(Filters=[{"Name": "engine", "Values": ["mysql", "postgres"]}])
            one = client.describe_db_instances(DBInstanceIdentifier="billing")
            with pytest.raises(client.exceptions.DBInstanceNotFoundFault):
                client.describe_db_instances(DBInstanceIdentifier="shop")

        assert [i["DBInstanceIdentifier"] for i in found["DBInstances"]] == ["billing", "reports"]
        assert one["DBInstances"][0]["Engine"] == "mysql"

    def test_log_files_by_name_time_size_and_page(self):
        """RDS-10: FileLastWritten is in milliseconds and includes the very one."""
        world = a_served_world()
        pass_hours(world, 2)
        last_ms = world.clock.now_us() // 1_000
        put(world, b"text\n" * 100)
        with served(world) as server, rds(server) as client:

            def listed(**wanted):
                found = client.describe_db_log_files(DBInstanceIdentifier="db-1", **wanted)["DescribeDBLogFiles"]
                return [row["LogFileName"] for row in found]

            everything = listed()
            first = client.describe_db_log_files(DBInstanceIdentifier="db-1", MaxRecords=2)

            assert everything == [SLOW, f"{SLOW}.2026-10-10.07", f"{SLOW}.2026-10-10.08"]
            assert listed(FilenameContains=".07") == [f"{SLOW}.2026-10-10.07"]
            assert listed(FileLastWritten=last_ms) == [SLOW]
            assert listed(FileLastWritten=last_ms + 1) == []
            assert listed(FileSize=400) == [SLOW]
            assert listed(Marker=first["Marker"]) == [f"{SLOW}.2026-10-10.08"]

    def test_a_failover_swaps_the_roles_and_is_an_event(self):
        world = a_served_world(*DEMO)
        with served(world) as server, rds(server) as client:
            world.api.account.fail_over("shop", world.clock.now_us())
            events = client.describe_events(Duration=60, EventCategories=["failover"])["Events"]
            members = client.describe_db_clusters(DBClusterIdentifier="shop")["DBClusters"][0]["DBClusterMembers"]

        assert [event["SourceType"] for event in events] == ["db-cluster", "db-cluster"]
        assert events[1]["Message"] == "Completed failover to DB instance: shop-2"
        assert {m["DBInstanceIdentifier"]: m["IsClusterWriter"] for m in members} == {"shop-1": False, "shop-2": True}

    def test_tags_by_arn(self):
        with served(a_served_world(*DEMO)) as server, rds(server) as client:
            arn = client.describe_db_instances(DBInstanceIdentifier="shop-1")["DBInstances"][0]["DBInstanceArn"]

            assert client.list_tags_for_resource(ResourceName=arn)["TagList"] == [{"Key": "team", "Value": "shop"}]

    def test_a_file_that_is_not_there(self):
        refused = pytest.raises(ClientError, match=r"\(DBLogFileNotFoundFault\)")
        with served(a_served_world()) as server, rds(server) as client, refused:
            client.download_db_log_file_portion(DBInstanceIdentifier="db-1", LogFileName="error/none.log")


class TestBotocoreSuffers:
    """§12.2: what botocore makes of answers that the service really gives."""

    def portion(self, content, *faults, **asked):
        world = a_served_world(faults=faults)
        without_header(world)
        put(world, content)
        with served(world) as server, rds(server) as client:
            return client.download_db_log_file_portion(
                DBInstanceIdentifier="db-1", LogFileName=SLOW, **{"Marker": "0", **asked}
            )

    @pytest.mark.parametrize(
        "content", [b"\0\n", b"\x1b[0m\n", b"\x01\n", b"\xef\xbf\xbe\n", b"caf\xe9\n", b"\xe2\x82\n"]
    )
    def test_it_cannot_read_control_bytes_or_broken_utf8(self, content):
        """RDS-71: the whole portion is lost for it."""
        with pytest.raises(ResponseParserError):
            self.portion(b"good line\n" + content)

    def test_it_turns_carriage_returns_into_newlines(self):
        """RDS-33: text length is no byte length."""
        assert self.portion(b"crlf\r\nlone\rend\n")["LogFileData"] == "crlf\nlone\nend\n"

    def test_a_reference_keeps_the_carriage_return(self):
        assert self.portion(b"crlf\r\n", fault("entities_decimal"))["LogFileData"] == "crlf\r\n"

    @pytest.mark.parametrize("spelling", ["cdata", "entities_named", "entities_decimal", "entities_hex"])
    def test_every_spelling_is_the_same_text(self, spelling):
        """RDS-76."""
        text = "a < b && c > d ]]> \"q\" 'q' ä\n"

        assert self.portion(text.encode(), fault(spelling))["LogFileData"] == text

    def test_an_empty_element_is_an_empty_string_and_a_missing_one_is_missing(self):
        """RDS-22, RDS-23, RDS-24."""
        empty = self.portion(b"x\n", fault("data_empty_element"))
        missing = self.portion(b"x\n", fault("data_missing"), fault("pending_missing"))

        assert empty["LogFileData"] == ""
        assert "LogFileData" not in missing
        assert "AdditionalDataPending" not in missing
        assert "Marker" not in self.portion(b"x\n", fault("marker_missing"))

    def test_its_paginator_begins_without_a_marker_at_the_tail(self):
        """RDS-121: on a file over the cap it never sees the beginning."""
        world = a_served_world()
        without_header(world)
        put(world, b"the first line\n" + (b"x" * 299 + b"\n") * 20_000)
        with served(world) as server, rds(server) as client:
            pages = client.get_paginator("download_db_log_file_portion").paginate(
                DBInstanceIdentifier="db-1", LogFileName=SLOW
            )
            text = "".join(page["LogFileData"] for page in pages)

        assert "the first line" not in text
        assert "[Your log message was truncated]" in text
        assert len(text) < 2_100_000

    def test_its_paginator_dies_of_the_same_marker_twice(self):
        """RDS-26."""
        world = a_served_world(faults=[fault("marker_stuck")])
        put(world, b"x\n")
        with served(world) as server, rds(server) as client:
            pages = client.get_paginator("download_db_log_file_portion").paginate(
                DBInstanceIdentifier="db-1", LogFileName=SLOW, PaginationConfig={"StartingToken": "0"}
            )
            with pytest.raises(PaginationError):
                list(pages)

    def test_binary_data_is_one_refused_call(self):
        """RDS-72."""
        with pytest.raises(ClientError, match=r"InvalidParameterValue.*binary data and should be downloaded"):
            self.portion(b"x\n", fault("binary_refused"))

    @pytest.mark.parametrize("name", ["empty_body", "cut_xml"])
    def test_a_body_that_is_no_answer_is_a_parser_error(self, name):
        """RDS-77."""
        with pytest.raises(ResponseParserError):
            self.portion(b"x\n" * 100, fault(name))

    def test_a_proxys_page_that_happens_to_be_xml_is_a_bare_key_error(self):
        """RDS-77: not even an error of botocore's own."""
        with pytest.raises(KeyError, match="DownloadDBLogFilePortionResult"):
            self.portion(b"x\n", fault("html_answer"))

    @pytest.mark.parametrize("name", ["reset", "reset_mid_body"])
    def test_a_reset_closes_the_connection(self, name):
        with pytest.raises(ConnectionClosedError):
            self.portion(b"x\n" * 1_000, fault(name))


class TestSignatures:
    """RDS-119 and RDS-101."""

    def error(self, **settings):
        with (
            served(a_served_world()) as server,
            rds(server, **settings) as client,
            pytest.raises(ClientError) as refused,
        ):
            client.describe_db_instances()
        return refused.value.response["Error"]

    def test_a_wrong_secret(self):
        assert self.error(secret="other")["Code"] == "SignatureDoesNotMatch"

    def test_an_unknown_key(self):
        assert self.error(key="NOBODY")["Code"] == "InvalidClientTokenId"

    def test_another_region(self):
        error = self.error(region="eu-west-1")

        assert error["Code"] == "SignatureDoesNotMatch"
        assert "valid region" in error["Message"]

    def test_an_expired_session_token(self):
        assert self.error(token="expired")["Code"] == "ExpiredToken"

    def test_a_good_session_token_is_part_of_the_signature(self):
        with served(a_served_world()) as server, rds(server, token="any/token==") as client:
            assert client.describe_db_instances()["DBInstances"]

    def test_another_service(self, http):
        with served(a_served_world()) as server:
            url, headers = signed(server, "/v13/downloadCompleteLogFile/db-1/x", service="ec2")
            answer = http.request("GET", url, headers=headers)

        assert answer.status == 403
        assert b"<Code>SignatureDoesNotMatch</Code>" in answer.data
        assert b"correct service: &apos;rds&apos;" in answer.data or b"correct service: 'rds'" in answer.data

    @pytest.mark.parametrize(("seconds", "text"), [(600, "Signature expired"), (-600, "Signature not yet current")])
    def test_a_clock_that_is_ten_minutes_off(self, seconds, text):
        world = a_served_world(faults=[fault("clock_skew", value=seconds)])
        with served(world) as server, rds(server) as client, pytest.raises(ClientError, match=text):
            client.describe_db_instances()

    def test_four_minutes_are_within_the_skew(self):
        world = a_served_world(faults=[fault("clock_skew", value=240)])
        with served(world) as server, rds(server) as client:
            assert client.describe_db_instances()["DBInstances"]

    def test_an_unsigned_call(self, http):
        with served(a_served_world()) as server:
            answer = http.request("POST", server.endpoint, body=b"Action=DescribeDBInstances&Version=2014-10-31")

        assert answer.status == 403
        assert b"<Code>MissingAuthenticationToken</Code>" in answer.data

    @pytest.mark.parametrize("query", [False, True])
    def test_the_complete_path_takes_header_and_query_signatures(self, http, query):
        world = a_served_world()
        put(world, b"text\n")
        with served(world) as server:
            url, headers = signed(server, f"/v13/downloadCompleteLogFile/db-1/{SLOW}", query=query, token="t")
            answer = http.request("GET", url, headers=headers)

        assert answer.status == 200
        assert answer.data.endswith(b"text\n")


class TestCompleteFile:
    """§9 over HTTP."""

    def get(self, http, world, name=SLOW, instance="db-1", **headers):
        with served(world) as server:
            url, signature = signed(server, f"/v13/downloadCompleteLogFile/{instance}/{name}")
            return http.request("GET", url, headers=signature | headers, decode_content=False)

    def world(self, *faults):
        world = a_served_world(faults=faults)
        without_header(world)
        put(world, self.CONTENT)
        return world

    CONTENT = b"nul \0 latin-1 caf\xe9 crlf \r\n" + b"L" * 2_000_000 + b"\n"

    def test_the_raw_bytes_come_without_a_cap_or_a_notice(self, http):
        answer = self.get(http, self.world())

        assert answer.data == self.CONTENT
        assert answer.headers["Content-Length"] == str(len(self.CONTENT))

    def test_gzip_comes_when_asked(self, http):
        """RDS-98, RDS-101: Accept-Encoding is set after signing."""
        answer = self.get(http, self.world(), **{"Accept-Encoding": "gzip"})

        assert answer.headers["Content-Encoding"] == "gzip"
        assert gzip.decompress(answer.data) == self.CONTENT

    @pytest.mark.parametrize("share", [0.3, 0.999, 1.0])
    def test_a_cut_stream_ends_before_its_length(self, http, share):
        """RDS-95: also when only the last byte is missing."""
        with pytest.raises(urllib3.exceptions.ProtocolError):
            self.get(http, self.world(fault("complete_cut", value=share)))

    def test_it_can_be_forbidden(self, http):
        """RDS-97."""
        answer = self.get(http, self.world(fault("complete_forbidden")))

        assert answer.status == 403
        assert b"rds:DownloadCompleteDBLogFile" in answer.data

    def test_a_compressed_file_may_come_as_gzip_bytes(self, http):
        """RDS-98, RDS-54: Size is the compressed one, portions give text."""
        world = a_served_world(POSTGRES, faults=[fault("complete_gzip_content")])
        put(world, b"line\n" * 1_000, "pg-1", "postgresql")
        world.clock.advance_us(HOUR_US)
        world.api.account.advance(world.clock.now_us())
        family = world.api.account.instance("pg-1").families["postgresql"]
        family.compress(family.closed[0])
        name = "error/postgresql.log.2026-10-10-06.gz"

        listed = {str(r["LogFileName"]): r["Size"] for r in world.api.describe_db_log_files("pg-1").items}
        portion = world.api.download_db_log_file_portion("pg-1", name, marker="0")
        answer = self.get(http, world, name, "pg-1")

        assert listed[name] < 5_000
        assert portion.content == b"line\n" * 1_000
        assert gzip.decompress(answer.data) == b"line\n" * 1_000

    @pytest.mark.parametrize("name", ["error/a%20b.log", "error/a%252fb.log", "error/a%0Ab.log", "error/a.log%3Fx%3D1"])
    def test_a_hostile_name_is_found_when_it_is_quoted_right(self, http, name):
        """RDS-102."""
        world = a_served_world(MYSQL, faults=[fault("hostile_names")])
        world.api.describe_db_log_files("db-1")

        assert self.get(http, world, name).status == 200
