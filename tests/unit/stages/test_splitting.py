import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.stages.splitting import page_ranges

MB = 1024 * 1024


@pytest.mark.parametrize(
    ("pages", "size", "expected"),
    [
        (0, 100 * MB, []),
        (20, 5 * MB, [range(1, 21)]),
        (21, 1, [range(1, 11), range(11, 22)]),
        (45, MB, [range(1, 16), range(16, 31), range(31, 46)]),
        (4, 11 * MB, [range(1, 2), range(2, 3), range(3, 5)]),
        (2, 100 * MB, [range(1, 2), range(2, 3)]),
        (1, 100 * MB, [range(1, 2)]),
    ],
)
def test_ranges(pages: int, size: int, expected: list[range]) -> None:
    assert page_ranges(pages, size, 20, 5 * MB) == expected


@given(st.integers(1, 3000), st.integers(0, 10**9), st.integers(1, 50), st.integers(1, 10**8))
def test_every_page_is_in_one_range_and_no_range_is_too_long(pages: int, size: int, most: int, most_size: int) -> None:
    ranges = page_ranges(pages, size, most, most_size)
    assert [page for one in ranges for page in one] == list(range(1, pages + 1))
    lengths = [len(one) for one in ranges]
    assert max(lengths) <= most
    assert max(lengths) - min(lengths) <= 1
    assert min(lengths) == 1 or size / len(ranges) <= most_size
