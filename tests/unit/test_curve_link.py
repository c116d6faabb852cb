"""The address of the Curves view restores what was shown."""

from hypothesis import given
from hypothesis import strategies as st

from backend.domain.board import Spread, XAxis
from backend.domain.curve_link import MAX_SMOOTHING, NAMES, CurveLink, from_query, to_query, window_of

words = st.text(min_size=1, max_size=20)
ends = st.floats(allow_nan=False, allow_infinity=False)
links = st.builds(
    CurveLink,
    runs=st.lists(words, unique=True, max_size=4).map(tuple),
    tags=st.text(max_size=20),
    filter=st.text(max_size=20),
    smoothing=st.floats(0, MAX_SMOOTHING),
    x=st.sampled_from(XAxis),
    logx=st.booleans(),
    logy=st.booleans(),
    outliers=st.booleans(),
    ghosts=st.booleans(),
    group=st.text(max_size=20),
    spread=st.sampled_from(Spread),
    baseline=st.text(max_size=20),
    pins=st.lists(words, unique=True, max_size=4).map(tuple),
    zoom=st.none() | st.tuples(ends, ends).filter(lambda found: found[0] < found[1]),
)


@given(links)
def test_a_link_restores_everything(link: CurveLink) -> None:
    assert from_query(to_query(link)) == link


@given(st.dictionaries(st.sampled_from(NAMES), st.lists(st.text(max_size=12), max_size=3)))
def test_no_address_breaks_the_page(query: dict[str, list[str]]) -> None:
    link = from_query(query)
    assert from_query(to_query(link)) == link


def test_defaults_are_not_in_the_address() -> None:
    assert to_query(CurveLink()) == {}
    assert to_query(CurveLink(runs=("run:a", "run:b"), logy=True)) == {"runs": ["run:a", "run:b"], "logy": ["yes"]}


def test_a_window_is_a_pair_that_rises() -> None:
    assert window_of("10~250.5") == (10.0, 250.5)
    assert [window_of(text) for text in ("", "1", "2~1", "1~1", "nan~3", "1~inf", "a~b")] == [None] * 7


def test_the_look_is_that_of_the_link() -> None:
    look = CurveLink(smoothing=0.5, x=XAxis.WALL, outliers=True, zoom=(1.0, 2.0)).look
    assert (look.smoothing, look.x, look.ignores_outliers, look.window) == (0.5, XAxis.WALL, True, (1.0, 2.0))
