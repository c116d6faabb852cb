"""Which lines share a chart, and in which order the charts stand."""

from collections import Counter

from hypothesis import given
from hypothesis import settings as examples
from hypothesis import strategies as st

from backend.domain.board import NUM_COLORS, Mark
from backend.domain.chart_building import PINNED, ShownSource, Wanted, build_charts
from backend.domain.curve_names import STEP_SPLIT, unit_of
from backend.domain.run_groups import ALL_BUT_SEED, differing, flatten, group, group_choices

TRAINER = [
    "train/loss",
    "eval/loss",
    "train/learning_rate",
    "train/grad_norm",
    "train/epoch",
    "train/num_tokens",
    "perf/tokens_per_second",
    "perf/seconds_per_step",
    "perf/data_seconds",
    "perf/forward_backward_seconds",
    "perf/optimizer_seconds",
    "perf/checkpoint_seconds",
    "gpu/0/memory_bytes",
    "gpu/1/memory_bytes",
    "gpu/10/memory_bytes",
    "system/cpu_percent",
    "eval/accuracy",
]
tag_names = st.one_of(
    st.sampled_from(TRAINER), st.text(st.sampled_from(list("ab/_0trainevlosLO²")), min_size=1, max_size=12)
)
many_sources = st.lists(
    st.builds(
        ShownSource,
        id=st.uuids().map(lambda found: f"run:{found}"),
        label=st.sampled_from(["A", "B"]),
        tags=st.frozensets(tag_names, max_size=8),
        color=st.integers(0, NUM_COLORS - 1),
        settings=st.dictionaries(st.sampled_from(["training.seed", "method.name", "name"]), st.sampled_from("12")),
    ),
    max_size=5,
    unique_by=lambda source: source.id,
)
ways = st.builds(
    Wanted,
    group_by=st.sampled_from(["", ALL_BUT_SEED, "method.name", "unheard of"]),
    pinned=st.frozensets(tag_names, max_size=3),
)


def one(*tags: str, **facts: object) -> ShownSource:
    return ShownSource("run:a", "A", tags, **facts)  # type: ignore[arg-type]


@given(many_sources, ways)
def test_every_tag_of_every_run_lands_in_exactly_one_chart(sources: list[ShownSource], wanted: Wanted) -> None:
    charts = build_charts(sources, wanted)
    drawn = Counter((source, line.tag) for chart in charts for line in chart.lines for source in line.sources)
    assert drawn == Counter((source.id, tag) for source in sources for tag in source.tags)
    assert len({chart.id for chart in charts}) == len(charts)
    assert all(0 <= line.color < NUM_COLORS for chart in charts for line in chart.lines)


@given(many_sources, ways)
def test_pinned_charts_come_first(sources: list[ShownSource], wanted: Wanted) -> None:
    charts = build_charts(sources, wanted)
    pinned = [chart.is_pinned for chart in charts]
    assert pinned == sorted(pinned, reverse=True)
    tags_of_pinned = {line.tag for chart in charts if chart.is_pinned for line in chart.lines}
    assert wanted.pinned & {tag for source in sources for tag in source.tags} <= tags_of_pinned


@given(many_sources)
def test_headings_do_not_come_twice(sources: list[ShownSource]) -> None:
    headings = [chart.group for chart in build_charts(sources)]
    runs = [heading for i, heading in enumerate(headings) if not i or headings[i - 1] != heading]
    assert len(runs) == len(set(runs))


def test_of_one_run_training_and_evaluation_share_a_chart() -> None:
    (chart,) = build_charts([one("eval/loss", "train/loss", color=3)])
    assert (chart.id, chart.title) == ("train/loss", "loss")
    assert [(line.tag, line.label, line.color) for line in chart.lines] == [
        ("train/loss", "train/loss", 3),
        ("eval/loss", "eval/loss", 4),
    ]


def test_of_several_runs_each_tag_has_its_own_chart() -> None:
    charts = build_charts([one("train/loss", "eval/loss"), ShownSource("run:b", "B", ("train/loss",), 5)])
    assert [chart.title for chart in charts] == ["train/loss", "eval/loss"]
    assert [(line.label, line.color) for line in charts[0].lines] == [("A", 0), ("B", 5)]


def test_names_of_other_programs_are_paired_as_well() -> None:
    charts = build_charts([one("Loss/train", "Loss/test", "val_acc", "train_acc", "epoch")])
    assert [[line.tag for line in chart.lines] for chart in charts] == [
        ["Loss/train", "Loss/test"],
        ["train_acc", "val_acc"],
        ["epoch"],
    ]


def test_the_parts_of_a_step_are_stacked() -> None:
    (chart,) = build_charts([one(*reversed(STEP_SPLIT))])
    assert chart.is_stacked
    assert tuple(line.tag for line in chart.lines) == STEP_SPLIT
    assert not any(chart.is_stacked for chart in build_charts([one(*STEP_SPLIT), ShownSource("b", "B", STEP_SPLIT)]))


def test_devices_share_a_chart_in_their_order() -> None:
    (chart,) = build_charts([one("gpu/10/power_watts", "gpu/2/power_watts")])
    assert [line.tag for line in chart.lines] == ["gpu/2/power_watts", "gpu/10/power_watts"]


def test_loss_stands_first_and_the_machine_last() -> None:
    headings = list(dict.fromkeys(chart.group for chart in build_charts([one(*TRAINER, "mine/thing")])))
    assert headings == ["Loss", "Evaluation", "Training", "mine", "Speed", "GPU", "System", "Progress"]


def test_units_are_told_by_names() -> None:
    assert unit_of("gpu/0/memory_bytes") == "bytes"
    assert unit_of("gpu/0/power_watts") == "watts"
    assert unit_of("perf/seconds_per_step") == "seconds"
    assert unit_of("perf/tokens_per_second") == "tokens/s"
    assert unit_of("system/cpu_percent") == "percent"
    assert unit_of("train/loss") == ""


def test_a_pin_holds_whether_one_run_is_shown_or_more() -> None:
    wanted = Wanted(pinned=frozenset({"eval/loss"}))
    (single,) = build_charts([one("train/loss", "eval/loss")], wanted)
    assert single.group == PINNED
    several = build_charts([one("train/loss", "eval/loss"), ShownSource("run:b", "B", ("train/loss",))], wanted)
    assert [(chart.title, chart.is_pinned) for chart in several] == [("eval/loss", True), ("train/loss", False)]


def test_seeds_become_one_line() -> None:
    def run(name: str, method: str, seed: str, color: int) -> ShownSource:
        settings = {"name": name, "method.name": method, "training.seed": seed}
        return ShownSource(f"run:{name}", name, ("train/loss",), color, settings=settings)

    sources = [run("a", "lora", "1", 0), run("b", "lora", "2", 1), run("c", "dora", "1", 0)]
    (chart,) = build_charts(sources, Wanted(group_by=ALL_BUT_SEED))
    assert [(line.label, line.sources, line.color) for line in chart.lines] == [
        ("method lora (2 runs)", ("run:a", "run:b"), 0),
        ("method dora", ("run:c",), 1),
    ]
    (same,) = build_charts(sources[:2], Wanted(group_by=ALL_BUT_SEED))
    assert [line.label for line in same.lines] == ["a (2 runs)"]


def test_differences_are_to_a_run_that_is_shown() -> None:
    sources = [one("train/loss"), ShownSource("run:b", "B", ("train/loss", "eval/loss"))]
    charts = build_charts(sources, Wanted(baseline="run:a"))
    assert [(chart.title, [line.minus for line in chart.lines]) for chart in charts] == [
        ("train/loss, difference to A", ["run:a", "run:a"]),
        ("eval/loss", [None]),
    ]
    assert build_charts(sources, Wanted(baseline="run:elsewhere"))[0].lines[0].minus is None


def test_marks_are_left_out_where_they_would_hide_the_curves() -> None:
    marked = [ShownSource(f"run:{i}", str(i), ("a",), marks=(Mark(f"run:{i}", 1, "attempt", "x"),)) for i in range(5)]
    assert len(build_charts(marked[:2])[0].marks) == 2
    assert build_charts(marked)[0].marks == ()


@given(st.dictionaries(st.text(max_size=3), st.dictionaries(st.sampled_from("abc"), st.sampled_from("xy"))))
def test_every_source_is_in_exactly_one_group(settings: dict[str, dict[str, str]]) -> None:
    for by in (ALL_BUT_SEED, "a", "unheard"):
        groups = group(settings, by)
        assert Counter(source for found in groups for source in found.sources) == Counter(settings.keys())


def test_a_configuration_is_flattened() -> None:
    assert flatten({"training": {"learning_rate": 2e-4, "max_steps": None}, "targets": ["q", "v"]}) == {
        "training.learning_rate": "0.0002",
        "targets": "['q', 'v']",
    }


@given(st.floats(allow_nan=False), st.floats(allow_nan=False))
@examples(max_examples=200)
def test_settings_that_differ_at_all_are_told_differently(one: float, other: float) -> None:
    told = flatten({"rate": one}), flatten({"rate": other})
    assert (told[0] == told[1]) == (one == other)


def test_runs_whose_settings_differ_in_a_late_digit_are_no_repetitions() -> None:
    rates = {"run:a": 0.000123456, "run:b": 0.0001234561, "run:c": 0.000123456}
    settings = {source: flatten({"training": {"learning_rate": rate}}) for source, rate in rates.items()}
    assert [one.sources for one in group(settings, ALL_BUT_SEED)] == [("run:a", "run:c"), ("run:b",)]


def test_a_mean_over_one_seed_twice_says_that_it_is_one_seed() -> None:
    def labels(*seeds: str) -> list[str]:
        runs = [
            ShownSource(f"run:{place}", str(place), ["loss"], settings={"training.seed": seed, "x": "1"})
            for place, seed in enumerate(seeds)
        ]
        (chart,) = build_charts(runs, Wanted(group_by=ALL_BUT_SEED))
        return [line.label for line in chart.lines]

    assert labels("1", "2", "3") == ["0 (3 runs)"]
    assert labels("1", "1", "3") == ["0 (3 runs, 2 seeds)"]
    assert labels("1", "1") == ["0 (2 runs, 1 seed)"]


def test_one_can_group_by_what_differs() -> None:
    a, b = {"x": "1", "y": "1", "name": "n", "training.seed": "1"}, {"x": "2", "y": "1", "training.seed": "2"}
    assert differing([a, b]) == ("training.seed", "x")
    assert group_choices([a, b]) == (ALL_BUT_SEED, "x")
    assert differing([]) == ()
