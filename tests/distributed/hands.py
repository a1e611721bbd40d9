"""What an operator's hands do: Kafka's own tools and the aws CLI, as the runbook types them. Their texts count, not exit codes."""

import json
import os
import subprocess
import sys
from pathlib import Path

from tools.distributed.fleet import KEYS
from tools.distributed.sight import wait_until

AWS = Path(sys.executable).with_name("aws")
TOPICS = {"error": "aurora-logs-error", "slowquery": "aurora-logs-slowquery", "postgresql": "aurora-logs-postgresql"}


class Operator:
    """Works on one fleet."""

    def __init__(self, fleet):
        self._fleet, self._broker = fleet, fleet.engines.broker

    def aws(self, *words):
        """Run `aws dynamodb …`; return exit code and what it said."""
        ran = subprocess.run([AWS, "dynamodb", "--endpoint-url", self._fleet.engines.dynamodb.url, *words], text=True, check=False,
                             stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                             env={**os.environ, **KEYS, "AWS_PAGER": "", "AWS_DEFAULT_REGION": KEYS["AWS_REGION"]})
        return ran.returncode, ran.stdout

    def aws_json(self, *words):
        code, text = self.aws(*words, "--output", "json")
        assert code == 0, text
        return json.loads(text or "{}")

    def table(self, variable):
        return self._fleet.environ[variable]

    def set_discovered(self, instance_id, log_file_name):
        """RUN-20."""
        self.aws_json("update-item", "--table-name", self.table("TRACKING_TABLE"), "--key", _file_key(instance_id, log_file_name),
                      "--update-expression", "SET #s = :status", "--expression-attribute-names", '{"#s": "status"}',
                      "--expression-attribute-values", '{":status": {"S": "discovered"}}')

    def delete_checkpoint(self, instance_id, log_file_name):
        """RUN-68; return what the row was."""
        gone = self.aws_json("delete-item", "--table-name", self.table("CHECKPOINT_TABLE"), "--key",
                             _file_key(instance_id, log_file_name), "--return-values", "ALL_OLD")
        return gone.get("Attributes", {})

    def groups(self, *words):
        """Run kafka-consumer-groups.sh on the fleet's group; return what it printed."""
        return self._broker.tool("kafka-consumer-groups.sh", "--group", self._fleet.group, *words)

    def offsets(self):
        """Return (committed offset, end, lag) by topic and partition, as the tool prints them; None for `-`."""
        rows = [line.split() for line in self.groups("--describe").splitlines() if line.startswith(self._fleet.group)]
        return {(row[1], int(row[2])): tuple(None if text == "-" else int(text) for text in row[3:6]) for row in rows}

    def lag(self):
        """Return the messages that the group has not passed."""
        return sum(end if committed is None else end - committed for committed, end, _ in self.offsets().values())

    def send(self, messages):
        """RUN-52: send (log type, key, value) by the console producer."""
        for log_type, topic in TOPICS.items():
            lines = [f"{key}|{value}\n" for kind, key, value in messages if kind == log_type]
            if lines:
                self._broker.tool("kafka-console-producer.sh", "--topic", topic, "--property", "parse.key=true", "--property",
                                  "key.separator=|", stdin="".join(lines))

    def stop_processors(self):
        """RUN-14, RUN-33: end them in good order, until the group is empty."""
        assert {one.end() for one in self._fleet.alive("processor")} == {143}
        wait_until(lambda: not self._fleet.members(), "the group is empty")


def _file_key(instance_id, log_file_name):
    return json.dumps({"instance_id": {"S": instance_id}, "log_file_name": {"S": log_file_name}})
