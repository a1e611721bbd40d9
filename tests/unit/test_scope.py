"""scope: which accounts, regions and instances are collected, as the settings say it."""

import pytest

from aurora_logs.errors import ConfigError
from aurora_logs.scope import Role, Selection, regions_of, roles_of, rules_of
from aurora_logs.settings import load

ARN = "arn:aws:iam::222233334444:role/logs/reader"
SHOP = {"name": "shop-1", "cluster": "shop", "engine": "aurora-mysql", "tags": {"env": "prod", "team": ""}}


@pytest.mark.parametrize(("include", "exclude", "wanted"), [
    ("", "", True),
    ("name:shop-*", "", True),
    ("name:shop", "", False),
    ("name:SHOP-*", "", False),
    ("cluster:shop", "", True),
    ("engine:aurora-*", "", True),
    ("engine:postgres", "", False),
    ("tag:env", "", True),
    ("tag:team", "", True),
    ("tag:env=pro?", "", True),
    ("tag:owner=*", "", False),
    ("engine:aurora-*&tag:env=test", "", False),
    ("engine:aurora-*&tag:env=prod", "", True),
    ("engine:postgres, name:shop-1", "", True),
    ("name:shop-*", "tag:env=prod", False),
    ("", "name:shop-2", True),
    ("", "name:shop-1&engine:postgres", True),
])  # fmt: skip
def test_rules_take_in_and_leave_out_by_name_cluster_engine_and_tag(include, exclude, wanted):
    assert Selection(include=rules_of(include), exclude=rules_of(exclude)).wants(**SHOP) is wanted


def test_an_instance_without_a_cluster_fits_no_cluster():
    alone = SHOP | {"cluster": ""}
    assert not Selection(include=rules_of("cluster:shop*")).wants(**alone)


def test_roles_are_read_with_their_external_ids():
    assert roles_of(f" {ARN}#of:us/1  arn:aws-cn:iam::111122223333:role/r ") == [
        Role(arn=ARN, external_id="of:us/1"), Role(arn="arn:aws-cn:iam::111122223333:role/r")]
    assert roles_of(ARN)[0].account_id == "222233334444"


def test_regions_are_read_once_each():
    assert regions_of("eu-west-1, us-gov-west-1 eu-west-1") == ["eu-west-1", "us-gov-west-1"]


@pytest.mark.parametrize(("name", "text", "said"), [
    ("AWS_REGIONS", "eu-west", "'eu-west' is no region"),
    ("ASSUME_ROLES", "reader", "'reader' is no role"),
    ("ASSUME_ROLES", f"{ARN}#", "external id of arn:aws:iam::222233334444:role/logs/reader has"),
    ("ASSUME_ROLES", f"{ARN} {ARN}2", "account 222233334444 has two roles"),
    ("INSTANCES_INCLUDE", "shop-1", "'shop-1' is no condition"),
    ("INSTANCES_INCLUDE", "tag:=x", "'tag:=x' is no condition"),
    ("INSTANCES_EXCLUDE", "name:", "'name:' is no condition"),
    ("INSTANCES_EXCLUDE", "name:a&", "'' is no condition"),
])  # fmt: skip
def test_what_can_not_be_read_is_named_with_its_setting(name, text, said):
    with pytest.raises(ConfigError, match=name) as told:
        load({name: text})
    assert said in str(told.value)


def test_without_roles_the_own_account_is_all_there_is():
    with pytest.raises(ConfigError, match="COLLECT_OWN_ACCOUNT"):
        load({"COLLECT_OWN_ACCOUNT": "false"})
    assert load({"COLLECT_OWN_ACCOUNT": "false", "ASSUME_ROLES": ARN}).settings.assume_roles == ARN
