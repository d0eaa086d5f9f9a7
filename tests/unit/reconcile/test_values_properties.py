"""Every CQL type with random values: equal after the sink wrote them, unequal after any change."""

from __future__ import annotations

import pickle
from typing import Any

from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from reconcile.compare import compare_batch, diff_row
from reconcile.key_batch import source_keys, target_keys
from reconcile.model import TableRef
from reconcile.schema import ColumnPlan, TablePlan
from reconcile.target import TargetRow
from reconcile.values import Rule
from tests.support.cql_values import SCALARS, Sample, samples

ANY_EXAMPLES = settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])


def column(name: str, rule: Rule) -> ColumnPlan:
    return ColumnPlan(name, rule.value_type.name, rule.pg_type, rule, 0, 0)


def plan_for(sample: Sample) -> TablePlan:
    key = column("k", SCALARS["int"].rule)
    return TablePlan(TableRef("ks.t", "public.t"), (key,), ("k",), (column("c", sample.rule),))


def compare(plan: TablePlan, source: Any, target: Any) -> Any:
    """Both ways to compare one row; they have to agree."""
    key = (7).to_bytes(4, "big")
    rows, found = [(key, source)], [(key, target)]
    batch = compare_batch(plan, source_keys(plan.key, rows), rows, found)
    alone = diff_row(plan, (7,), (source,), TargetRow((target,)))
    assert batch.matched_rows == 1
    assert batch.candidates == ([alone] if alone else [])
    return alone


@st.composite
def sample_and_value(draw: st.DrawFn) -> tuple[Sample, Any]:
    sample = draw(samples())
    return sample, draw(st.none() | sample.values)


@st.composite
def sample_and_two_values(draw: st.DrawFn) -> tuple[Sample, Any, Any]:
    sample = draw(samples())
    return sample, draw(st.none() | sample.values), draw(st.none() | sample.values)


def same(sample: Sample, value: Any) -> Any:
    """The value without its form; an empty collection that is not frozen is none."""
    if value is None or (sample.cql.startswith(("list<", "set<", "map<")) and not value):
        return None
    return sample.same(value)


@ANY_EXAMPLES
@given(sample_and_value())
def test_a_value_equals_what_the_sink_wrote(drawn: tuple[Sample, Any]) -> None:
    sample, value = drawn
    assert compare(plan_for(sample), sample.source(value), sample.target(value)) is None


@ANY_EXAMPLES
@given(sample_and_two_values())
def test_another_value_is_unequal(drawn: tuple[Sample, Any, Any]) -> None:
    sample, value, other = drawn
    assume(same(sample, value) != same(sample, other))

    difference = compare(plan_for(sample), sample.source(value), sample.target(other))

    assert difference.columns == ("c",)
    assert difference.source_fingerprint
    assert difference.target_fingerprint


@given(st.sampled_from(sorted(SCALARS)).flatmap(lambda name: st.tuples(st.just(name), SCALARS[name].values)))
@settings(max_examples=100, deadline=None)
def test_a_key_survives_its_text_and_its_bytes(drawn: tuple[str, Any]) -> None:
    name, value = drawn
    rule = SCALARS[name].rule
    canonical = rule.canonical_source(SCALARS[name].source(value))

    assert rule.parse(rule.show(canonical)) == canonical
    if name != "duration":  # which no key can be
        cql = rule.to_cql(canonical)
        assert rule.canonical_source(SCALARS[name].source(value) if name == "timestamp" else cql) == canonical


@given(st.sampled_from(sorted(SCALARS)).flatmap(lambda name: st.tuples(st.just(name), SCALARS[name].values)))
@settings(max_examples=100, deadline=None)
def test_both_sides_hash_and_match_a_key_alike(drawn: tuple[str, Any]) -> None:
    name, value = drawn
    sample = SCALARS[name]
    key = (column("k", sample.rule), column("l", SCALARS["text"].rule))
    ours = source_keys(key, [(sample.source(value), b"x")])
    theirs = target_keys(key, [(sample.target(value), b"x")])

    assert list(ours.match) == list(theirs.match)
    assert list(ours.hashes()) == list(theirs.hashes())
    assert ours.canonical() == [(sample.rule.canonical_target(sample.target(value)), "x")]


@given(samples())
def test_a_rule_can_be_sent_to_another_process(sample: Sample) -> None:
    rule = sample.rule
    rule.canonical_source(None)
    assert pickle.loads(pickle.dumps(rule)) == rule  # noqa: S301 our own bytes
