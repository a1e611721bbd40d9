"""The OpenObserve stand-in for tests: on a clock that stands still, behind HTTP, and a plain client without retries."""

import contextlib
import gzip
import json
import tempfile
import threading
from pathlib import Path

import urllib3

from aurora_logs_simulator.clock import HOUR_US, SECOND_US, SetClock
from aurora_logs_simulator.faults import Rule
from aurora_logs_simulator.openobserve.profile import Setup
from aurora_logs_simulator.openobserve.server import OpenObserveServer
from aurora_logs_simulator.openobserve.world import World

NOW_US = 1_791_612_600_000_000  # 2026-10-10T06:10:00Z
STREAM = "aurora_slowquery_logs"
DEFAULT = Setup()


def fault(name, probability=1.0, **more):
    return Rule(fault=name, probability=probability, **more)


def record(number=0, **fields):
    return {"_timestamp": NOW_US + number, "record_id": f"key-{number:010x}", "n": number} | fields


def records(count):
    return [record(number) for number in range(count)]


class Answer:
    """Status, headers, body; `json()` of it."""

    def __init__(self, response):
        self.status, self.headers, self.data = response.status, response.headers, response.data

    def json(self):
        return json.loads(self.data)

    def receipt(self):
        """The one entry of a receipt: name, successful, failed, error or None."""
        value = self.json()
        assert (self.status, value["code"], len(value["status"])) == (200, 200, 1)
        entry = value["status"][0]
        return entry["name"], entry["successful"], entry["failed"], entry.get("error")


class Client:
    """What a sender and reader of logs does: one pool, basic login, no retries, no redirects."""

    def __init__(self, endpoint, login=(DEFAULT.root_user, DEFAULT.root_password), organization="default", **options):
        self.endpoint, self.organization = endpoint, organization
        self.pool = urllib3.PoolManager(retries=False, **options)
        self.headers = urllib3.make_headers(basic_auth=":".join(login)) if login else {}

    def ask(self, method, path, body=None, headers=None, timeout_sec=10):
        encoded = body if body is None or isinstance(body, bytes) else json.dumps(body).encode()
        return Answer(self.pool.request(method, self.endpoint + path, body=encoded, redirect=False, timeout=timeout_sec,
                                        headers={"Content-Type": "application/json"} | self.headers | (headers or {})))

    def api(self, method, path, body=None):
        return self.ask(method, f"/api/{self.organization}/{path}", body)

    def post(self, rows, stream=STREAM, *, kind="_json", encoding=None, headers=None, timeout_sec=10):
        body = rows if isinstance(rows, bytes) else json.dumps(rows).encode()
        if encoding == "gzip":
            body = gzip.compress(body)
        given = {"Content-Encoding": encoding} if encoding else {}
        return self.ask("POST", f"/api/{self.organization}/{stream}/{kind}", body, given | (headers or {}), timeout_sec)

    def search(self, sql, start=NOW_US - 100 * HOUR_US, end=NOW_US + 100 * HOUR_US, *, cache=False, **query):
        path = f"/api/{self.organization}/_search?type=logs" + ("" if cache else "&use_cache=false")
        return self.ask("POST", path, {"query": {"sql": sql, "start_time": start, "end_time": end} | query})

    def hits(self, sql, *where, **query):
        answer = self.search(sql, *where, **query)
        value = answer.json()
        assert (answer.status, value["is_partial"], value.get("function_error")) == (200, False, None), value
        return value["hits"]

    def count(self, stream=STREAM):
        return self.hits(f'SELECT count(*) AS c FROM "{stream}"')[0]["c"]

    def columns(self, stream=STREAM):
        return {one["name"]: one["type"] for one in self.api("GET", f"streams/{stream}/schema?type=logs").json()["schema"]}


class Served:
    """A running server with the world behind it."""

    def __init__(self, world, server):
        self.world, self.server = world, server
        self.client = Client(server.endpoint)

    def advance(self, sec):
        with self.world.lock:
            self.world.clock.advance_us(int(sec * SECOND_US))
            self.world.catch_up()

    def plant(self, name, probability=1.0, **more):
        self.world.faults.add(fault(name, probability, **more))

    def kill(self):
        """SIGKILL and start; the client begins with fresh connections. Returns the rows lost."""
        lost = self.server.kill()
        self.client.pool.clear()
        return lost

    def stored(self, stream=STREAM):
        return [json.loads(line) for line in self.world.lines(stream)]

    def last(self):
        return self.world.journal.entries[-1]


@contextlib.contextmanager
def served(*faults, folder=None, clock=None, tls=None, **setup):
    """The stand-in behind HTTP, in a thread of this process."""
    with contextlib.ExitStack() as stack:
        place = Path(folder or stack.enter_context(tempfile.TemporaryDirectory()))
        world = World(Setup(**setup), clock or SetClock(NOW_US), place, rules=list(faults))
        stack.callback(world.close)
        server = OpenObserveServer(world, tls=tls)
        thread = threading.Thread(target=server.serve)
        thread.start()
        stack.callback(thread.join)
        stack.callback(server.stop)
        running = Served(world, server)
        stack.callback(running.client.pool.clear)
        yield running
