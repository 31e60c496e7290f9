"""Rules and dashboards ask for what is served, in a language that Prometheus understands."""

import json
import re
from collections import Counter
from pathlib import Path

import promql_parser
import pytest
import yaml

from pipeline.model import Usage
from pipeline.monitor.metrics import PREFIX, of_snapshot, of_times, of_usage
from pipeline.monitor.snapshot import Facts, compose
from pipeline.queues import WORKER_TYPES
from pipeline.stores.metrics import BOUNDS, Times, Totals

DEPLOY = Path(__file__).parents[2] / "deploy"
RULES = yaml.safe_load((DEPLOY / "prometheus/alerts.yml").read_text())["groups"][0]["rules"]
PANELS = json.loads((DEPLOY / "grafana/nlp-pipeline.json").read_text())["panels"]
ASKED = [rule["expr"] for rule in RULES] + [target["expr"] for panel in PANELS for target in panel["targets"]]


def times() -> Times:
    found = Times()
    found.add(
        [("process_ocr", "done", 0, 3, 0.1), ("process_ocr", "done", 12, 1, 4000.0), ("process_ocr", "retry", 1, 2, 0.1)]
    )
    return found


def test_times_are_counted_below_each_limit() -> None:
    steps, seconds, retries, repaired = of_times(times())
    counted = {sample.labels["le"]: sample.value for sample in seconds.samples if sample.name.endswith("_bucket")}
    assert counted == {str(bound): 3.0 for bound in BOUNDS} | {"+Inf": 4.0}
    assert {s.labels["outcome"]: s.value for s in steps.samples} == {"done": 4, "retry": 2}
    assert (retries.samples[0].value, repaired.samples[0].value) == (2, 0)
    assert next(s.value for s in seconds.samples if s.name.endswith("_sum")) == pytest.approx(4000.1)


def test_a_copy_is_added_to_alone() -> None:
    first = times()
    first.copy().add([("process_ocr", "done", 0, 1, 1.0)])
    assert first.counts["process_ocr", "done"] == Counter({0: 3, 12: 1})


def test_what_has_no_price_has_no_cost() -> None:
    usage = [Usage("", "known", 1_000_000, 10), Usage("", "unknown", 1, 1)]
    *_, cost = of_usage(usage, {"known": {"input": 2.0}})
    assert [(s.labels["model"], s.value) for s in cost.samples] == [("known", 2.0)]


def served() -> set[str]:
    """Names of everything that may be asked for."""
    nothing = compose(Facts(None, None, (), (), {}), WORKER_TYPES)
    metrics = [*of_snapshot(nothing), *of_times(times()), *of_usage([], {})]
    endings = {"gauge": ("",), "counter": ("_total",), "histogram": ("_bucket", "_sum", "_count")}
    names = {metric.name + ending for metric in metrics for ending in endings[metric.type]}
    return names | {f"{PREFIX}{name}" for name in ("up", *Totals._fields)}


@pytest.mark.parametrize("asked", ASKED)
def test_every_question_can_be_read_and_is_about_what_is_served(asked: str) -> None:
    promql_parser.parse(asked)
    names = set(re.findall(rf"{PREFIX}\w+", asked))
    assert names
    assert names <= served()


def test_rules_have_what_a_rule_has() -> None:
    assert len({rule["alert"] for rule in RULES}) == len(RULES)
    for rule in RULES:
        assert rule.keys() <= {"alert", "expr", "for", "labels", "annotations"}
        assert rule["labels"]["severity"] in ("warning", "critical")
        assert rule["annotations"].keys() == {"summary", "description"}
    (job,) = yaml.safe_load((DEPLOY / "prometheus/prometheus.yml").read_text())["scrape_configs"]
    assert job["static_configs"] == [{"targets": ["127.0.0.1:9464"]}]
