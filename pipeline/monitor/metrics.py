"""The figures of a snapshot, and counters, in the form that Prometheus reads."""

import threading
from collections.abc import Iterator, Sequence

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector

from pipeline.errors import PipelineError
from pipeline.model import Prices, Usage, cost_of
from pipeline.monitor.eye import Eye
from pipeline.monitor.snapshot import Snapshot
from pipeline.stores.metrics import BOUNDS, Counted, Times

PREFIX = "nlp_pipeline_"
SOURCES = ("database", "broker")
DONE, AGAIN, CRASHED = "done", "retry", "crashed"
LIMITS = (*(str(bound) for bound in BOUNDS), "+Inf")
OF_A_QUEUE = {
    "messages": "Messages in the broker.",
    "waiting": "Documents and page ranges that wait for a worker.",
    "running": "Documents and page ranges that are worked on.",
    "oldest": "Seconds for which the oldest waits.",
    "workers": "Workers that serve it.",
}

Samples = Sequence[tuple[tuple[str, ...], float | None]]


class Metrics(Collector):
    """Looks when it is asked, for one request at a time. What is not known is missing, and whoever is away has ``up`` 0.

    Args:
        eye: looks at database, broker and workers.
    """

    def __init__(self, eye: Eye) -> None:
        self._eye = eye
        self._lock = threading.Lock()
        self._counted = Counted()

    def collect(self) -> Iterator[Metric]:
        """All figures of this moment."""
        with self._lock:
            snapshot = self._eye.look()
            found = [*of_snapshot(snapshot)]
            if "database" not in snapshot.missing:
                try:
                    found += self._counters()
                except PipelineError as fault:  # it went away between two questions
                    snapshot.missing["database"] = fault.message
        up = [((part,), float(part not in snapshot.missing)) for part in SOURCES]
        yield _gauge("up", "Whether it answers.", ("part",), up)
        yield from found

    def describe(self) -> list[Metric]:
        """Nothing before it is asked."""
        return []

    def _counters(self) -> list[Metric]:
        database = self._eye.database()
        totals = [
            _gauge(name, f"{name.capitalize()} of all documents.", (), [((), float(number))])
            for name, number in self._counted.totals(database)._asdict().items()
        ]
        paid = of_usage(self._counted.usage(database), self._eye.settings.prices)
        return [*totals, *of_times(self._counted.times(database)), *paid]


def of_snapshot(snapshot: Snapshot) -> Iterator[Metric]:
    """What is there now."""
    states = [((each.status.value, each.step.value), float(each.documents)) for each in snapshot.documents]
    yield _gauge("documents", "Documents by state and step.", ("status", "step"), states)
    for field, text in OF_A_QUEUE.items():
        yield _gauge(
            f"queue_{field}", text, ("queue",), [((queue.name,), getattr(queue, field)) for queue in snapshot.queues]
        )
    oldest = snapshot.oldest_waiting
    yield _gauge("pending_seconds", "For how long the oldest document has waited to be claimed.", (), [((), oldest)])
    yield _gauge("stale_graphs", "Projects whose graph is yet to be told of something.", (), [((), snapshot.stale_graphs)])
    yield _gauge("problems", "Things to look after; nlp-pipeline watch names them.", (), [((), len(snapshot.problems))])
    memory = [((worker.name,), worker.memory) for worker in snapshot.workers]
    yield _gauge("worker_memory_bytes", "Resident memory of a worker and its processes.", ("worker",), memory)


def of_times(times: Times) -> Iterator[Metric]:
    """What has ended, and how long it took."""
    steps = CounterMetricFamily(f"{PREFIX}steps", "Steps that ended, by outcome.", labels=("step", "outcome"))
    seconds = HistogramMetricFamily(f"{PREFIX}step_seconds", "How long steps took that were done.", labels=("step",))
    again = {AGAIN: 0, CRASHED: 0}
    for (step, outcome), counts in sorted(times.counts.items()):
        steps.add_metric((step, outcome), counts.total())
        if outcome in again:
            again[outcome] += counts.total()
        if outcome == DONE:
            below = [(limit, float(sum(counts[n] for n in range(place + 1)))) for place, limit in enumerate(LIMITS)]
            seconds.add_metric((step,), below, times.seconds[step, outcome])
    yield from (steps, seconds)
    yield CounterMetricFamily(f"{PREFIX}retries", "Steps that failed and were tried again.", value=again[AGAIN])
    yield CounterMetricFamily(f"{PREFIX}leases_repaired", "Leases taken back from dead workers.", value=again[CRASHED])


def of_usage(usage: Sequence[Usage], prices: Prices) -> Iterator[Metric]:
    """What paid services used, and what it costs at today's prices."""
    tokens = CounterMetricFamily(f"{PREFIX}tokens", "Tokens of paid models.", labels=("model", "direction"))
    pages = CounterMetricFamily(f"{PREFIX}paid_pages", "Pages read by paid services.", labels=("model",))
    heard = CounterMetricFamily(f"{PREFIX}paid_audio_seconds", "Seconds heard by paid services.", labels=("model",))
    cost = CounterMetricFamily(f"{PREFIX}cost", "What it costs, in the currency of PRICES.", labels=("model",))
    for used in usage:
        tokens.add_metric((used.model, "input"), used.input_tokens)
        tokens.add_metric((used.model, "output"), used.output_tokens)
        pages.add_metric((used.model,), used.pages)
        heard.add_metric((used.model,), used.audio_seconds)
        if (price := cost_of(used, prices)) is not None:
            cost.add_metric((used.model,), price)
    yield from (tokens, pages, heard, cost)


def _gauge(name: str, text: str, labels: tuple[str, ...], samples: Samples) -> GaugeMetricFamily:
    gauge = GaugeMetricFamily(PREFIX + name, text, labels=labels)
    for values, figure in samples:
        if figure is not None:
            gauge.add_metric(values, float(figure))
    return gauge
