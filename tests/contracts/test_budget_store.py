"""Contract of BudgetStore: one row, replaced only by whoever saw it last (rds-log-api.md §10, rule 2)."""

from concurrent.futures import ThreadPoolExecutor

from msgspec.structs import replace
from tests.contracts.samples import an_instance

from aurora_logs.api_budget import budget_id
from aurora_logs.records.budget import ApiBudget, BudgetLease

KEY = budget_id("123456789012", "eu-central-1")


def a_budget(version=1, **changes):
    lease = BudgetLease(owner="pod-a", priority="read", calls_per_sec=2.5, wanted_per_sec=10.0, until_ms=7)
    return ApiBudget(budget_id=KEY, version=version, **{"rate_per_sec": 9.5, "changed_ms": 5, "leases": (lease,)} | changes)


def test_a_budget_comes_back_as_it_was_saved(state):
    assert state.store.api_budget(KEY) is None
    assert state.store.save_api_budget(a_budget(), seen=0)

    assert state.store.api_budget(KEY) == a_budget()


def test_only_who_saw_the_last_version_replaces_it(state):
    state.store.save_api_budget(a_budget(1), seen=0)
    assert not state.store.save_api_budget(a_budget(1, rate_per_sec=1.0), seen=0)
    assert state.store.save_api_budget(a_budget(2), seen=1)
    assert not state.store.save_api_budget(a_budget(2, rate_per_sec=1.0), seen=1)
    assert not state.store.save_api_budget(a_budget(10, rate_per_sec=1.0), seen=9)

    assert state.store.api_budget(KEY) == a_budget(2)


def test_a_row_that_is_not_there_has_no_version_to_replace(state):
    assert not state.store.save_api_budget(a_budget(4), seen=3)
    assert state.store.api_budget(KEY) is None


def test_sixteen_replicas_replace_one_version_and_one_does(state):
    state.store.save_api_budget(a_budget(1), seen=0)
    with ThreadPoolExecutor(16) as pool:
        answers = list(pool.map(lambda number: state.store.save_api_budget(a_budget(2, rate_per_sec=float(number)), seen=1),
                                range(16)))

    assert sorted(answers) == [False] * 15 + [True]
    assert state.store.api_budget(KEY).rate_per_sec == float(answers.index(True))


def test_budgets_of_accounts_and_regions_are_apart_and_no_instances(state):
    other = replace(a_budget(), budget_id=budget_id("123456789012", "us-east-1"))
    state.store.save_api_budget(a_budget(), seen=0)
    state.store.save_api_budget(other, seen=0)
    state.store.save_instance(an_instance())

    assert (state.store.api_budget(KEY), state.store.api_budget(other.budget_id)) == (a_budget(), other)
    assert state.store.instances() == [an_instance()]
