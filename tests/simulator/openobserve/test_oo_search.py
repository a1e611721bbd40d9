"""Searches, streams, documents and accounts (sheet 3.3, 6.3, 8), seen by a plain HTTP client."""

import json

import pytest
from served_openobserve import DEFAULT, NOW_US, STREAM, Client, fault, record, records, served

from aurora_logs_simulator.clock import HOUR_US

FIELDS = [{"name": "record_id", "type": "Utf8"}, {"name": "n", "type": "Int64"}, {"name": "body", "type": "Utf8"}]
PANEL = {
    "id": "Panel_1", "type": "line", "title": "Slow queries", "description": "", "config": {"show_legends": True},
    "queryType": "sql", "layout": {"x": 0, "y": 0, "w": 24, "h": 9, "i": 1},
    "queries": [{"query": "SELECT 1", "customQuery": True, "config": {"promql_legend": ""}, "fields": {
        "stream": STREAM, "stream_type": "logs", "x": [{"label": "Time", "alias": "x", "column": "x", "color": None}],
        "y": [], "filter": {"filterType": "group", "logicalOperator": "AND", "conditions": []}}}]}
DASHBOARD = {"version": 5, "title": "Aurora", "description": "",
             "tabs": [{"tabId": "default", "name": "Default", "panels": [PANEL]}]}
ALERT = {
    "name": "burst", "stream_type": "logs", "stream_name": STREAM, "is_real_time": False, "destinations": ["ops"],
    "query_condition": {"type": "sql", "sql": "SELECT 1", "conditions": None},
    "trigger_condition": {"period": 10, "operator": ">=", "threshold": 1, "frequency": 5}, "enabled": True}


class TestSearch:
    def test_the_start_is_inside_and_the_end_is_not(self):
        """OO-83, OO-134."""
        with served() as one:
            one.client.post(records(3))
            found = one.client.hits(f"SELECT n FROM {STREAM} ORDER BY n", NOW_US, NOW_US + 2)

        assert found == [{"n": 0}, {"n": 1}]

    def test_without_a_size_a_thousand_hits_come_and_no_word_of_the_rest(self):
        """OO-80, OO-112: a LIMIT of the statement counts only with size 0 or less."""
        with served() as one:
            one.client.post(records(1500))

            assert len(one.client.hits(f"SELECT n FROM {STREAM}")) == 1000
            assert len(one.client.hits(f"SELECT n FROM {STREAM} LIMIT 5")) == 1000
            assert len(one.client.hits(f"SELECT n FROM {STREAM} LIMIT 5", size=0)) == 5
            assert len(one.client.hits(f"SELECT n FROM {STREAM} LIMIT 5", size=1500)) == 1500
            page = one.client.hits(f"SELECT n FROM {STREAM} ORDER BY n", **{"from": 1400, "size": 1000})

        assert [page[0], len(page)] == [{"n": 1400}, 100]

    def test_rows_come_newest_first_and_without_their_nulls(self):
        with served() as one:
            one.client.post([record(1, body="x"), record(2)])

            assert one.client.hits(f"SELECT n, body FROM {STREAM}") == [{"n": 2}, {"n": 1, "body": "x"}]

    def test_an_answer_is_kept_unless_the_url_says_otherwise(self):
        """OO-79: `use_cache` counts in the URL only."""
        with served() as one:
            sql = f"SELECT count(*) AS c FROM {STREAM}"
            counts = []
            for _ in range(2):
                one.client.post(records(2))
                cached = one.client.search(sql, cache=True, use_cache=False).json()["hits"][0]["c"]
                counts.append((cached, one.client.count()))
            one.advance(61)
            counts.append((one.client.search(sql, cache=True).json()["hits"][0]["c"], one.client.count()))

        assert counts == [(2, 2), (2, 4), (4, 4)]

    @pytest.mark.parametrize(("sql", "status", "code"), [
        (f"SELECT nope FROM {STREAM}", 400, 20008), ("SELEC 1", 500, 20001),
        ("SELECT * FROM read_csv('/etc/passwd')", 500, 20001), (f"SELECT no_such_function(n) FROM {STREAM}", 500, 20001)])
    def test_errors_have_their_own_codes(self, sql, status, code):
        """§1.1: unknown column 400 (20008), bad SQL 500."""
        with served() as one:
            one.client.post(records(1))
            answer = one.client.search(sql)

        assert (answer.status, answer.json()["code"]) == (status, code)

    def test_an_unknown_stream_is_a_partial_answer_and_no_empty_one(self):
        """OO-88, OO-135."""
        with served() as one:
            one.client.post(records(1))
            unknown = one.client.search("SELECT count(*) AS c FROM nope").json()

            assert (unknown["hits"], unknown["is_partial"], unknown["function_error"]) == ([], True, ["Stream not found nope"])
            assert one.client.hits(f"SELECT n FROM {STREAM} WHERE n > 5") == []
            assert one.client.api("GET", "streams?type=logs").json()["total"] == 1

    def test_a_stream_s_longest_range_moves_the_start_and_says_so(self):
        """OO-82, OO-96."""
        with served() as one:
            one.client.post([record(1), record(2, _timestamp=NOW_US - 3 * HOUR_US)])
            one.client.api("PUT", f"streams/{STREAM}/settings?type=logs", {"max_query_range": 2})
            answer = one.client.search(f"SELECT n FROM {STREAM}", NOW_US - 4 * HOUR_US, NOW_US + 60).json()
            paged = one.client.hits(f"SELECT n FROM {STREAM}", NOW_US - 4 * HOUR_US, NOW_US - 2 * HOUR_US)

        assert answer["hits"] == [{"n": 1}]
        assert (answer["new_start_time"], answer["new_end_time"]) == (NOW_US + 60 - 2 * HOUR_US, NOW_US + 60)
        assert "range restriction of 2 hours" in answer["function_error"][0]
        assert paged == [{"n": 2}]

    @pytest.mark.parametrize(("sql", "hits"), [
        ("SELECT count(DISTINCT record_id) AS d FROM s WHERE n >= 2 AND n < 5 OR n = 9", [{"d": 4}]),
        ("SELECT n FROM s WHERE record_id IN ('key-0000000001','key-0000000003') ORDER BY n DESC", [{"n": 3}, {"n": 1}]),
        ("SELECT kind, count(*) AS c FROM s GROUP BY kind HAVING count(*) > 3 ORDER BY c DESC", [{"kind": "a", "c": 6}]),
        ("SELECT n FROM s WHERE record_id LIKE 'KEY%'", []), ("SELECT max(n) / 2 AS half FROM s", [{"half": 4}]),
        ("SELECT count(*) AS c FROM s WHERE match_all('orders')", [{"c": 1}]),
        ("SELECT count(*) AS c FROM s WHERE str_match(kind, 'a')", [{"c": 6}]),
        ("SELECT count(*) AS c FROM s WHERE re_match(body, '^Order[s]')", [{"c": 1}]),
        ("SELECT histogram(_timestamp,'5 minute') AS x, count(*) AS c FROM s GROUP BY x", [{"x": "2026-10-10T06:10:00", "c": 9}]),
        ("SELECT approx_percentile_cont(n, 0.5) AS p FROM s", [{"p": 5.0}]),
        ("WITH t AS (SELECT n FROM s WHERE n > 7) SELECT count(*) AS c FROM t", [{"c": 2}]),
        ("SELECT sum(m) AS total FROM (SELECT record_id, max(n) AS m FROM s GROUP BY record_id) AS once", [{"total": 45}]),
        ("SELECT a.n FROM s AS a, s b WHERE a.n = b.n AND a.n = 4", [{"n": 4}]),
        ("SELECT count(*) AS c FROM s WHERE body = 'from nowhere, limit 3' -- from nope", [{"c": 0}])])
    def test_the_common_sql_is_answered(self, sql, hits):
        """9.2.1, OO-107."""
        with served() as one:
            one.client.post([record(n, kind="ab"[n > 6]) | ({"body": "Orders are late"} if n == 8 else {}) for n in range(1, 10)], "s")

            assert one.client.hits(sql) == hits

    def test_twenty_thousand_ids_are_answered_at_once(self):
        """§1.1: no limit was found."""
        with served() as one:
            one.client.post(records(3))
            ids = ",".join(f"'key-{number:010x}'" for number in range(1, 20_000))

            assert len(one.client.hits(f"SELECT record_id FROM {STREAM} WHERE record_id IN ({ids})")) == 2

    def test_lines_of_many_files_are_one_stream(self, monkeypatch):
        """Files are cut at a size; a search opens those of its range, and the lag hides what is young."""
        from aurora_logs_simulator.openobserve import lines

        monkeypatch.setattr(lines, "SEGMENT_BYTES", 2000)
        with served() as one:
            for number in range(40):
                one.client.post([record(number, body="x" * 200)])
                one.advance(1)
            paths = list((one.world._folder / "data/default" / STREAM).glob("*.ndjson"))

            assert len(paths) > 3
            assert [row["n"] for row in one.stored()] == list(range(40))
            assert one.client.count() == 40
            assert [row["n"] for row in one.client.hits(f"SELECT n FROM {STREAM} ORDER BY n", NOW_US + 10, NOW_US + 13)] == [10, 11, 12]
            one.plant("search_lags", value=4.5)
            assert one.client.count() == 36


class TestStreams:
    def test_a_stream_is_created_with_its_columns_once(self):
        """OO-101, OO-102: a second time is refused."""
        with served() as one:
            body = {"fields": FIELDS, "settings": {"full_text_search_keys": ["body"], "index_fields": ["record_id"]}}
            first, again = (one.client.api("POST", f"streams/{STREAM}?type=logs", body) for _ in range(2))
            listed = one.client.api("GET", "streams?type=logs&fetchSchema=true").json()["list"][0]

        assert (first.status, first.json()["message"]) == (200, "stream created")
        assert (again.status, again.json()["message"]) == (400, "stream already exists")
        assert {one["name"]: one["type"] for one in listed["schema"]} == {
            "_timestamp": "Int64", "record_id": "Utf8", "n": "Int64", "body": "Utf8"}
        assert listed["settings"]["full_text_search_keys"] == ["body"]

    def test_a_wrong_key_is_refused_and_the_stream_is_there_all_the_same(self):
        """OO-133, §1.1."""
        with served() as one:
            body = {"fields": FIELDS[:1], "settings": {"full_text_search_keys": ["body"], "index_fields": ["record_id"]}}
            answer = one.client.api("POST", f"streams/{STREAM}?type=logs", body)
            settings = one.client.api("GET", f"streams/{STREAM}/schema?type=logs").json()["settings"]

        assert (answer.status, answer.json()["message"]) == (400, "field [body] not found in schema")
        assert settings["index_fields"] == []

    @pytest.mark.parametrize("body", [{"fields": FIELDS}, {"settings": {}}, []])
    def test_both_parts_are_needed(self, body):
        with served() as one:
            assert one.client.api("POST", f"streams/{STREAM}?type=logs", body).status == 400
            assert one.client.api("GET", "streams?type=logs").json()["total"] == 0

    def test_settings_are_added_with_their_doubles_and_removed(self):
        """OO-102, OO-104: `add` appends what is there already."""
        with served() as one:
            one.client.post(records(1))
            for change in ({"add": ["n"]}, {"add": ["n", "record_id"]}):
                one.client.api("PUT", f"streams/{STREAM}/settings?type=logs", {"index_fields": change})
            one.client.api("PUT", f"streams/{STREAM}/settings?type=logs", {
                "data_retention": 30, "fields": {"add": [{"name": "extra", "type": "Float64"}, {"name": "n", "type": "Utf8"}]}})
            value = one.client.api("GET", f"streams/{STREAM}/schema?type=logs").json()
            missing = one.client.api("PUT", "streams/nope/settings?type=logs", {"data_retention": 3})

        assert value["settings"]["index_fields"] == ["n", "n", "record_id"]
        assert value["settings"]["data_retention"] == 30
        assert {"name": "extra", "type": "Float64"} in value["schema"]
        assert {"name": "n", "type": "Int64"} in value["schema"], "a column's type is never changed"
        assert missing.status == 404


class TestDocuments:
    def test_a_dashboard_is_kept_found_by_title_and_replaced_with_its_hash(self):
        """OO-105, OO-106, OO-108."""
        with served() as one:
            made = one.client.api("POST", "dashboards?folder=default", DASHBOARD).json()
            identity = made["v5"]["dashboardId"]
            conflict = one.client.api("PUT", f"dashboards/{identity}?folder=default&hash=0", DASHBOARD)
            changed = one.client.api("PUT", f"dashboards/{identity}?hash={made['hash']}", DASHBOARD | {"description": "new"})
            listed = one.client.api("GET", "dashboards?folder=default&title=auro").json()["dashboards"]

        assert (made["version"], conflict.status, changed.status) == (5, 409, 200)
        assert [(row["v5"]["description"], row["v5"]["dashboardId"]) for row in listed] == [("new", identity)]
        assert changed.json()["hash"] == listed[0]["hash"] != made["hash"]

    @pytest.mark.parametrize("key", ["id", "type", "title", "description", "config", "queries", "layout"])
    def test_a_panel_without_a_needed_key_is_refused(self, key):
        """OO-108."""
        panel = {name: value for name, value in PANEL.items() if name != key}
        with served() as one:
            tabs = [{"tabId": "default", "name": "Default", "panels": [panel]}]
            answer = one.client.api("POST", "dashboards", DASHBOARD | {"tabs": tabs})

        assert (answer.status, f"missing field `{key}`" in answer.json()["message"]) == (400, True)

    @pytest.mark.parametrize(("profile", "status"), [("0.15", 400), ("0.92", 200)])
    def test_version_eight_is_known_from_092_on(self, profile, status):
        with served(profile=profile) as one:
            assert one.client.api("POST", "dashboards", DASHBOARD | {"version": 8}).status == status

    def test_an_alert_needs_stream_template_and_destination_in_this_order(self):
        """OO-109."""
        template = {"name": "t", "body": "{}", "type": "http", "title": ""}
        destination = {"name": "ops", "url": "http://127.0.0.1", "method": "post", "template": "t", "type": "http", "headers": {}}
        steps = [("v2/alerts?folder=default", ALERT, 404), (f"{STREAM}/_json", records(1), 200), ("v2/alerts", ALERT, 404),
                 ("alerts/destinations", destination, 404), ("alerts/templates", template, 200),
                 ("alerts/templates", template, 400), ("alerts/destinations", destination, 200), ("v2/alerts", ALERT, 200)]
        with served() as one:
            answers = [one.client.ask("POST", place_of(place), body).status for place, body, _ in steps]
            listed = one.client.ask("GET", place_of("v2/alerts")).json()["list"]
            one.client.ask("PATCH", place_of(f"v2/alerts/{listed[0]['id']}/enable?value=false"))
            after = one.client.ask("GET", place_of(f"v2/alerts/{listed[0]['id']}")).json()

        assert answers == [status for _, _, status in steps]
        assert (listed[0]["name"], listed[0]["enabled"], after["enabled"]) == ("burst", True, False)


def place_of(path):
    """v2 stands before the organisation."""
    return f"/api/v2/default/{path[3:]}" if path.startswith("v2/") else f"/api/default/{path}"


class TestAccess:
    @pytest.mark.parametrize("login", [None, (DEFAULT.root_user, "wrong"), ("nobody", "x")])
    @pytest.mark.parametrize(("profile", "realm"), [("0.15", None), ("0.92", 'Bearer realm="openobserve"')])
    def test_a_missing_or_wrong_login_is_401_as_text(self, login, profile, realm):
        """OO-26, §1.1."""
        with served(profile=profile) as one:
            answer = Client(one.server.endpoint, login).post(records(1))

            assert (answer.status, answer.data, answer.headers.get("WWW-Authenticate")) == (401, b"Unauthorized Access", realm)
            assert one.stored() == []

    def test_a_token_ingests_and_can_t_search(self):
        """OO-89, 3.3."""
        with served() as one:
            passcode = one.client.api("GET", "passcode").json()["data"]
            sender = Client(one.server.endpoint, (passcode["user"], passcode["passcode"]))

            assert (sender.post(records(2)).status, sender.search("SELECT 1").status) == (200, 401)
            one.client.api("PUT", "passcode")
            assert sender.post(records(2)).status == 401

    def test_a_service_account_may_both_and_makes_no_organisation(self):
        """3.1, OO-29: a typing error in the organisation is 404."""
        with served() as one:
            token = one.client.api("POST", "service_accounts", {"email": "logs@example.com"}).json()["token"]
            service = Client(one.server.endpoint, ("logs@example.com", token))
            elsewhere = Client(one.server.endpoint, ("logs@example.com", token), "defualt")

            assert (service.post(records(2)).status, service.count()) == (200, 2)
            answer = elsewhere.post(records(1))
            assert (answer.status, answer.data) == (404, b"Organization not found")

    def test_the_root_user_makes_an_organisation_by_naming_it(self):
        """§1.1."""
        with served() as one, served(auto_create=False) as strict:
            for running in (one, strict):
                running.client.organization = "new"

            assert (one.client.post(records(1)).status, strict.client.post(records(1)).status) == (200, 404)

    def test_a_password_with_a_colon_and_other_letters_is_decoded(self):
        """OO-115."""
        with served() as one:
            one.client.api("POST", "users", {"email": "a@b", "password": "p:ä:ß", "first_name": "", "last_name": "", "role": "admin"})
            reader = Client(one.server.endpoint, None)
            import base64

            reader.headers = {"Authorization": "Basic " + base64.b64encode("a@b:p:ä:ß".encode()).decode()}

            assert reader.post(records(1)).status == 200

    def test_the_journal_tells_who_and_never_with_what(self):
        """OO-113."""
        with served() as one:
            one.client.post(records(1))
            entry = one.last()

        assert entry.user == DEFAULT.root_user
        assert DEFAULT.root_password not in json.dumps([entry.headers, entry.user])
        assert entry.headers["authorization"] == "***"


def test_a_blocked_search_login_is_403():
    """OO-89."""
    with served(fault("search_denied")) as one:
        assert one.client.search("SELECT 1").status == 403
        assert one.client.post(records(1)).status == 200
