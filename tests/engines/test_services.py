"""Discovery and processors as processes of their own: work spreads, everything is delivered once, nothing lies on disk."""

from collections import Counter

import pytest
from tests.engines.services_world import Services
from tests.engines.test_distributed import wait_until

pytestmark = [pytest.mark.engine("kafka"), pytest.mark.engine("dynoxide"), pytest.mark.slow]


@pytest.fixture
def services(broker, dynamodb, tmp_path):
    made = Services(broker, dynamodb, tmp_path)
    yield made
    made.clear_up()


def test_two_of_each_service_deliver_everything_once_without_a_data_directory(services):
    services.write_logs("prod-1", "prod-2", "prod-3")
    pods = {"discovery-a": "discovery", "discovery-b": "discovery", "processor-a": "processor", "processor-b": "processor"}
    for pod, service in pods.items():
        services.run(service, pod)
    wait_until(lambda: len(services.sink.stored()) >= len(services.tokens))
    wait_until(lambda: services.lags() == {"0"})
    members = {line.split()[-1] for line in services.describe().splitlines() if "aurora-logs-slowquery" in line}
    services.end(*pods)

    assert services.sink.stored() == Counter(services.tokens)
    assert members == {"processor-a", "processor-b"}, "the group's members are the processors, by their pods' names"
    assert not (services.folder / "home").exists(), "nothing is kept on disk where nothing embedded is used"
    assert {services.lines(pod)[0]["pod"] for pod in pods} == set(pods)
