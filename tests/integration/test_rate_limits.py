"""Limits kept in a real server, asked for by several processes at once."""

import multiprocessing
import threading
import time
from itertools import count

import pytest

from pipeline.errors import Misconfigured, ServiceUnavailable, Throttled
from pipeline.stores.rate_limits import Limit, RedisRateLimits

pytestmark = pytest.mark.servers
WINDOW = 4.0


def limits(url: str, requests: int = 0, tokens: int = 0, longest: float = 30.0) -> RedisRateLimits:
    return RedisRateLimits(url, {"api": Limit(requests, tokens)}, longest_wait=longest, window=WINDOW)


def busiest(starts: list[tuple[float, int]]) -> tuple[int, int]:
    """Most calls and most tokens in any window."""
    starts = sorted(starts)
    inside = [[t for at, t in starts if begin <= at < begin + WINDOW] for begin, _ in starts]
    return max(map(len, inside)), max(map(sum, inside))


def call_often(url: str, requests: int, tokens: int, calls: int, out: "multiprocessing.Queue[tuple[float, int]]") -> None:
    """Call from several threads; each call really uses four fifths of what it booked."""
    use = limits(url, requests, tokens)
    numbers = count()

    def work() -> None:
        while (number := next(numbers)) < calls:
            booking = use.book("api", 100 + number % 7 * 50)
            out.put((time.time(), booking.tokens))
            use.settle(booking, booking.tokens * 4 // 5)

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


@pytest.mark.parametrize(("requests", "tokens"), [(40, 0), (0, 8_000), (40, 8_000)])
def test_no_window_holds_more_than_the_limit(broker_url: str, requests: int, tokens: int) -> None:
    context = multiprocessing.get_context("spawn")
    out = context.Queue()
    processes = [context.Process(target=call_often, args=(broker_url, requests, tokens, 20, out)) for _ in range(3)]
    for process in processes:
        process.start()
    starts = [out.get(timeout=120) for _ in range(60)]
    for process in processes:
        process.join()
    calls, amount = busiest(starts)
    if requests:
        assert calls <= requests * 1.05
    if tokens:
        assert amount * 4 // 5 <= tokens * 1.05


def test_turns_are_spread_over_the_window(broker_url: str) -> None:
    use = limits(broker_url, requests=40)
    began = time.monotonic()
    starts = []
    for _ in range(20):
        use.book("api", 1)
        starts.append(time.monotonic() - began)
    assert starts[-1] >= WINDOW * 0.45
    assert sum(at < WINDOW / 10 for at in starts) <= 6


def test_waiting_has_an_end_and_says_how_long(broker_url: str) -> None:
    use = limits(broker_url, requests=20, longest=0.1)
    use.book("api", 1)
    with pytest.raises(Throttled) as fault:
        use.book("api", 1)
    assert 0.1 < fault.value.retry_after <= 1.5 * WINDOW
    assert fault.value.code == "rate_limit"


def test_tokens_that_were_not_used_can_be_used(broker_url: str) -> None:
    use = limits(broker_url, tokens=1000, longest=0.2)
    for _ in range(30):
        use.settle(use.book("api", 600), 10)
    use.settle(use.book("api", 600), 600)
    with pytest.raises(Throttled):
        use.book("api", 600)


def test_a_call_larger_than_the_limit_gets_a_turn(broker_url: str) -> None:
    use = limits(broker_url, tokens=1000)
    assert use.book("api", 5000).tokens == 5000


def test_a_pause_holds_everyone_also_those_with_a_turn(broker_url: str) -> None:
    use, other = limits(broker_url, requests=400), limits(broker_url, requests=400)
    first = use.book("api", 1)
    waiting = [threading.Thread(target=other.book, args=("api", 1)) for _ in range(6)]
    for thread in waiting:
        thread.start()
    paused = time.monotonic()
    use.slow_down(first, 1.0)
    use.book("api", 1)
    assert time.monotonic() - paused >= 0.99
    for thread in waiting:
        thread.join()


def test_refusals_lower_the_rate_for_a_while(broker_url: str) -> None:
    use = limits(broker_url, requests=80)

    def seconds_for_ten() -> float:
        began = time.monotonic()
        for _ in range(10):
            use.book("api", 1)
        return time.monotonic() - began

    usual = seconds_for_ten()
    for _ in range(4):
        time.sleep(WINDOW / 100)
        use.slow_down(use.book("api", 1), 0)
    assert seconds_for_ten() > 1.3 * usual
    time.sleep(WINDOW)
    assert seconds_for_ten() < 1.3 * usual


def test_an_endpoint_without_limits_is_only_paused(broker_url: str) -> None:
    use = limits(broker_url)
    booking = [use.book("free", 10**6) for _ in range(200)][-1]
    use.slow_down(booking, 0.3)
    began = time.monotonic()
    use.book("free", 1)
    assert time.monotonic() - began >= 0.29


def test_a_server_that_is_away() -> None:
    with pytest.raises(ServiceUnavailable):
        limits("redis://127.0.0.1:1/0").book("api", 1)


def test_a_wrong_password_is_a_wrong_setting(broker_url: str) -> None:
    wrong = "redis://:wrong@" + broker_url.rpartition("@")[2]
    with pytest.raises(Misconfigured) as fault:
        limits(wrong).book("api", 1)
    assert "wrong@" not in fault.value.message
