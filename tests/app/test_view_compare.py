"""Compare: nothing, one run, two, many, a deleted one, a damaged one; what can be made of them."""

import pytest
from streamlit.testing.v1 import AppTest

from backend.containers import StudioContainer
from backend.services.bundle import Services
from config.yaml_files import read_yaml
from tests.app.conftest import open_page
from tests.fakes.told_runs import PROMPT, add_run, answers, losses, seeds

SECTIONS = ("Results", "Settings", "Table", "Curves", "Samples", "Notes")


@pytest.fixture
def pair(studio: StudioContainer, services: Services) -> tuple[str, str]:
    """Two runs of different methods and lengths, with sample answers."""
    add_run(studio, "one", {"method": "lora"}, losses(0.5), answers({0: "No.", 50: "Mara.", 100: "Mara Venn."}))
    other = {"method": {"name": "vera"}, "training": {"learning_rate": 1e-3}}
    add_run(studio, "two", other, losses(1.5, 60), answers({0: "*No.*", 60: "![x](http://h/i.png)"}), name="T*wo*")
    return "one", "two"


@pytest.fixture
def sweep(studio: StudioContainer, services: Services) -> list[str]:
    """Two methods with three seeds each, tagged."""
    ids = []
    for last, method in ((0.5, "lora"), (1.5, "dora")):
        for config in seeds([1, 2, 3], method=method):
            seed = config["training"]["seed"]
            ids.append(f"{method}-{seed}")
            add_run(studio, ids[-1], config, losses(last, seed=seed), tags=("sweep", method))
    return ids


def compare(*run_ids: str, **query: str) -> AppTest:
    return open_page("compare", runs=",".join(run_ids), **query)


def texts(at: AppTest) -> str:
    """Everything that is said on the page."""
    parts = (at.markdown, at.caption, at.text, at.info, at.warning, at.header)
    return "\n".join(str(one.value) for kind in parts for one in kind)


def cells(at: AppTest, place: int = 0) -> dict[str, list[str]]:
    """The rows of a table by their first cell."""
    frame = at.dataframe[place].value
    return {row[0]: list(row[1:]) for row in frame.itertuples(index=False)}


def test_without_runs_there_is_a_way_to_start_one(services: Services) -> None:
    at = open_page("compare")
    assert at.header[0].value == "Nothing to compare yet"
    assert at.button(key="compare-start").click().run().title[0].value == "Train"


def test_without_a_choice_it_says_what_to_do(pair: tuple[str, str]) -> None:
    at = open_page("compare")
    assert not at.exception
    assert "Choose two or more runs" in at.info[0].value


@pytest.mark.parametrize("section", SECTIONS)
def test_one_run_alone_is_no_failure(pair: tuple[str, str], section: str) -> None:
    at = compare("one", section=section)
    assert not at.exception
    assert not at.error
    assert "choose another one" in texts(at)


@pytest.mark.parametrize("section", SECTIONS)
def test_each_section_draws_two_runs_and_is_in_the_address(pair: tuple[str, str], section: str) -> None:
    at = compare(*pair, section=section)
    assert not at.exception
    assert not at.error
    assert at.multiselect(key="compare-runs").value == list(pair)
    assert at.query_params["runs"] == "one,two"


def test_what_came_out_is_told_at_a_step_that_both_have(pair: tuple[str, str]) -> None:
    rows = cells(compare(*pair))
    assert rows["State"] == ["finished", "finished"]
    assert rows["Duration, all attempts"] == ["5 min", "5 min"]
    assert rows["Memory, peak"] == ["1.86 GiB (gpu/0)", "1.86 GiB (gpu/0)"]
    assert rows["eval/loss, last"][0].endswith("at step 100")
    assert rows["eval/loss, last"][1].endswith("at step 60")
    assert "eval/loss at step 60, the last that all have" in rows
    assert all("at step" in cell for cell in rows["eval/loss, best up to step 60"])


def test_sources_of_the_curves_page_are_taken_too(pair: tuple[str, str]) -> None:
    at = open_page("compare", runs=["run:one", "run:two"])
    assert not at.exception
    assert at.multiselect(key="compare-runs").value == list(pair)


def test_energy_is_told_where_it_was_measured(pair: tuple[str, str], studio: StudioContainer) -> None:
    assert "Energy, measured" not in cells(compare(*pair))
    add_run(studio, "measured", scalars={1: {"eval/loss": 1.0, "system/energy_joules": 7200.0}})
    assert cells(compare("one", "measured"))["Energy, measured"] == ["not measured", "2 Wh"]


def test_one_seed_each_is_no_ranking(pair: tuple[str, str]) -> None:
    at = compare(*pair)
    said = texts(at)
    assert not at.get("echarts_chart"), "single runs on a scale would look ranked"
    assert "cannot be told apart" in said
    assert "better" not in said


def test_seeds_are_a_group_with_an_interval(sweep: list[str]) -> None:
    said = texts(compare(*sweep))
    assert said.count("95 % confidence interval") >= 2
    assert "3 seeds" in said
    assert "higher, which is worse" in said
    assert "drawn by the seed" in said


def test_only_differences_are_shown_and_the_rest_is_counted(pair: tuple[str, str]) -> None:
    at = compare(*pair, section="Settings")
    rows = cells(at)
    assert list(rows) == ["method.name", "method.rank", "training.learning_rate"]
    assert "other settings are equal" in texts(at)
    rows = cells(at.toggle(key="compare-all-knobs").set_value(True).run())
    assert rows["method.bias"] == ["none", "not a knob of vera"]


def test_a_deleted_run_in_the_link_is_said_and_left_out(pair: tuple[str, str]) -> None:
    at = compare("one", "go*ne", "two")
    assert "go\\*ne" in at.warning[0].value
    assert at.multiselect(key="compare-runs").value == ["one", "two"]
    at = at.run()
    assert at.query_params["runs"] == "one,go*ne,two", "or the browser's way back would end here"
    at = at.multiselect(key="compare-runs").set_value(["two"]).run()
    assert at.query_params["runs"] == "two"
    assert not at.warning


def test_an_order_that_cannot_be_read_is_said_where_it_matters(pair: tuple[str, str], services: Services) -> None:
    run_yaml = services.status.show("two").run.run_dir / "run.yaml"
    run_yaml.write_text("method: [")
    for section in SECTIONS:
        at = compare(*pair, section=section)
        assert not at.exception
        assert not at.error
    assert "cannot be read" in texts(compare(*pair, section="Settings"))
    at = compare(*pair, section="Notes")
    assert at.button(key="compare-again-two").disabled
    assert at.button(key="compare-preset-two").disabled
    assert cells(compare(*pair))["eval/loss, last"][1].endswith("at step 60")


def test_the_table_has_a_row_for_each_of_many_runs(studio: StudioContainer, services: Services) -> None:
    ids = [f"run-{number}" for number in range(30)]
    for number, run_id in enumerate(ids):
        config = {"method": {"name": "lora", "rank": 4 + number}, "training": {"learning_rate": 10.0 ** -(number % 5)}}
        add_run(studio, run_id, config, losses(number / 10, 20, every=10, seed=number))
    at = compare(*ids, section="Table")
    assert not at.exception
    frame = at.dataframe[0].value
    assert len(frame) == 30
    assert sorted(frame["0"]) == [4.0 + number for number in range(30)]
    at = compare(*ids)
    assert "the first 8 of 30 runs" in texts(at)
    assert len(at.dataframe[0].value) == 30, "more groups than words are for"
    assert texts(at).count("cannot be told apart") == 0


def test_many_runs_are_taken_by_their_tags(sweep: list[str], pair: tuple[str, str]) -> None:
    at = open_page("compare")
    at.multiselect(key="compare-tags").set_value(["dora"]).run()
    at.button(key="compare-take").click().run()
    assert not at.exception
    assert sorted(at.multiselect(key="compare-runs").value) == ["dora-1", "dora-2", "dora-3"]
    assert set(at.query_params["runs"].split(",")) == {"dora-1", "dora-2", "dora-3"}


def test_samples_are_side_by_side_and_never_markup(pair: tuple[str, str]) -> None:
    at = compare(*pair, section="Samples")
    said = [one.value for one in at.text]
    assert PROMPT in said
    assert "Mara Venn." in said
    assert "![x](http://h/i.png)" in said
    assert not any("http" in one.value for one in at.markdown)
    at = at.select_slider[0].set_value(50).run()
    said = [one.value for one in at.text]
    assert "Mara." in said
    assert said.count("*No.*") == 1, "the other run was not asked again before step 60"
    assert "Step 0" not in texts(at)


def test_the_step_of_samples_is_in_the_link(pair: tuple[str, str], studio: StudioContainer) -> None:
    assert "Mara." in [one.value for one in compare(*pair, section="Samples", step="50").text]
    assert compare(*pair, section="Samples", step="nonsense").select_slider[0].value == 100
    add_run(studio, "other", texts=answers({0: "a", 7: "b"}))
    at = compare(*pair, section="Samples", step="50")
    at = at.multiselect(key="compare-runs").set_value(["other"]).run()
    assert not at.exception
    assert at.select_slider[0].value == 7


def test_without_samples_it_says_how_to_get_some(sweep: list[str]) -> None:
    assert "samples in run.yaml" in texts(compare(*sweep, section="Samples"))


def test_run_again_fills_the_form_and_starts_nothing(pair: tuple[str, str], services: Services) -> None:
    at = compare(*pair, section="Notes")
    at.button(key="compare-again-two").click().run()
    assert not at.exception
    assert at.title[0].value == "Train"
    assert len(services.status.list()) == 2
    draft = services.states.of(at.session_state["studio-session-id"]).state.training.draft
    assert (draft["method"]["name"], draft["training"]["learning_rate"]) == ("vera", 1e-3)
    assert not services.configs.problems(draft)


def test_a_preset_is_made_and_offered_but_never_overwritten_silently(
    pair: tuple[str, str], services: Services, studio: StudioContainer
) -> None:
    def make(name: str, replaces: bool = False) -> AppTest:
        at = compare(*pair, section="Notes")
        at.button(key="compare-preset-two").click().run()
        at.text_input(key="preset-name").set_value(name)
        if replaces:
            at.checkbox(key="preset-replaces").set_value(True)
        return at.button(key="preset-save").click().run()

    assert "t\\-wo was made" in make("t-wo").success[0].value
    path = studio.settings().presets_folder / "t-wo.yaml"
    assert read_yaml(path)["method"] == {"name": "vera"}
    assert "t-wo" in open_page("train").selectbox(key="train-preset").options
    path.write_text("method: lora\n")
    assert "preset\\-exists" in make("t-wo").error[0].value
    assert path.read_text() == "method: lora\n"
    assert "t\\-wo was made" in make("t-wo", replaces=True).success[0].value
    assert read_yaml(path)["method"] == {"name": "vera"}
    assert "preset\\-name\\-refused" in make("demo").error[0].value


def test_notes_are_shown_as_they_are_and_can_be_edited(pair: tuple[str, str], services: Services) -> None:
    services.library.annotate("one", notes="Looks *fine*", tags=["keep"])
    at = compare(*pair, section="Notes")
    assert "Looks *fine*" in [one.value for one in at.text]
    at.button(key="compare-edit-one").click().run()
    at.text_area(key="edit-notes-one").set_value("Better")
    at.button(key="edit-save").click().run()
    assert not at.exception
    assert services.status.show("one").run.notes == "Better"
