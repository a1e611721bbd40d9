"""Settings of Kafka and DynamoDB: what goes together, secrets that are never shown, values that lie in files."""

import pytest

from aurora_logs.errors import ConfigError
from aurora_logs.secret import Secret
from aurora_logs.settings import load, uses_data_dir

KAFKA = {"QUEUE_BACKEND": "kafka", "KAFKA_BROKERS": "b-1:9092,b-2:9092"}
LOGIN = {"KAFKA_SECURITY_PROTOCOL": "SASL_SSL", "KAFKA_SASL_MECHANISM": "SCRAM-SHA-512", "KAFKA_USERNAME": "collector",
         "KAFKA_PASSWORD": "hunter2"}


def test_the_runbooks_names_have_the_runbooks_values_as_defaults():
    """names-and-runbook.md §2.1, §2.7."""
    settings = load({}).settings

    assert (settings.consumer_group, settings.instance_table, settings.tracking_table, settings.checkpoint_table,
            settings.dlq_table) == ("aurora-processor-group", "aurora-instance-metadata", "aurora-log-file-tracking",
                                    "aurora-log-checkpoints", "aurora-log-dlq")


@pytest.mark.parametrize(("environ", "named"), [
    ({"QUEUE_BACKEND": "kafka"}, "KAFKA_BROKERS is required"),
    ({"QUEUE_BACKEND": "kafka", "KAFKA_BROKERS": " , "}, "KAFKA_BROKERS is required"),
    (KAFKA | {"KAFKA_SECURITY_PROTOCOL": "SASL_SSL"}, "KAFKA_SASL_MECHANISM goes with"),
    (KAFKA | {"KAFKA_SASL_MECHANISM": "PLAIN"}, "KAFKA_SASL_MECHANISM goes with"),
    (KAFKA | LOGIN | {"KAFKA_PASSWORD": ""}, "KAFKA_USERNAME and KAFKA_PASSWORD are required for SCRAM-SHA-512"),
    (KAFKA | LOGIN | {"KAFKA_SASL_MECHANISM": "GSSAPI"}, "KAFKA_SASL_MECHANISM = 'GSSAPI'"),
    ({"TRACKING_TABLE": "aurora-log-dlq"}, "must be four different tables"),
    ({"KAFKA_PASSWORD_FILE": "/nowhere/password"}, "KAFKA_PASSWORD_FILE = '/nowhere/password' (environment): No such file"),
])
def test_what_does_not_go_together_is_named(environ, named):
    """BAN-S01, NAM: empty brokers were a list of one empty name once."""
    with pytest.raises(ConfigError) as caught:
        load(environ)

    assert named in str(caught.value)
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize("environ", [
    KAFKA, KAFKA | LOGIN, KAFKA | {"KAFKA_SECURITY_PROTOCOL": "SSL", "KAFKA_CA_FILE": "/ca.pem"},
    KAFKA | {"KAFKA_SECURITY_PROTOCOL": "SASL_SSL", "KAFKA_SASL_MECHANISM": "AWS_MSK_IAM"},
    {"STATE_BACKEND": "dynamodb"},
])
def test_what_goes_together_is_taken(environ):
    assert load(environ).settings.queue_backend == environ.get("QUEUE_BACKEND", "embedded")


def test_a_secret_is_shown_nowhere_and_given_to_who_asks_for_it():
    """SEC: never in a log line, a command's output or a traceback."""
    settings = load(KAFKA | LOGIN).settings

    assert settings.kafka_password.reveal() == "hunter2"
    assert "hunter2" not in f"{settings!r} {settings.kafka_password} {settings.kafka_password!r} {[settings.kafka_password]}"
    assert (bool(Secret()), bool(Secret("x")), str(Secret()), str(Secret("x"))) == (False, True, "", "***")
    assert Secret("x") == Secret("x") != Secret("y")


def test_a_secret_may_lie_in_a_file_as_mounted_ones_do(tmp_path):
    (tmp_path / "password").write_text("hunter2\n")
    (tmp_path / "user").write_text("collector")
    loaded = load(KAFKA | LOGIN | {"KAFKA_PASSWORD": "", "KAFKA_PASSWORD_FILE": str(tmp_path / "password"),
                                   "KAFKA_USERNAME_FILE": str(tmp_path / "user")})

    assert loaded.settings.kafka_password.reveal() == "hunter2"
    assert loaded.settings.kafka_username == "collector"
    assert loaded.origins["kafka_password"] == f"KAFKA_PASSWORD_FILE {tmp_path / 'password'}"
    assert not loaded.warnings


def test_separate_services_need_a_queue_and_a_state_that_they_share():
    """Each mistake at once; discovery needs neither sink nor login."""
    with pytest.raises(ConfigError, match=r"(?s)QUEUE_BACKEND=kafka is required for run processor.*STATE_BACKEND=dynamodb"):
        load({}, service="processor")
    shared = KAFKA | LOGIN | {"STATE_BACKEND": "dynamodb", "SINK_BACKEND": "openobserve"}
    with pytest.raises(ConfigError, match="OPENOBSERVE_URL"):
        load(shared, service="processor")

    assert not uses_data_dir(load(shared, service="discovery").settings, "discovery")
