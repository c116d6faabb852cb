"""Texts, histograms and pictures of real event files, as the Curves page shows them."""

from pathlib import Path

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

EVIL = "![x](http://127.0.0.1:9/beacon) <script>alert(1)</script>"


def page(folder: str, kind: str) -> None:
    """One kind of the records of a folder, without the page around it."""
    from pathlib import Path

    from app.components.curve_records import Found, other_records
    from backend.domain.curves import Kind
    from backend.event_files.folder import EventFolder
    from backend.event_files.records import read_record

    others = EventFolder(Path(folder)).read().others.values()
    found = [Found("A run", "run:a", other) for other in others if other.kind is Kind(kind)]
    other_records(found, lambda source, other, place: read_record(Path(folder), other.tag, other.kind, place))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    from torch.utils.tensorboard import SummaryWriter

    with SummaryWriter(str(tmp_path)) as writer:
        writer.add_text("notes", "first", 1)
        writer.add_text("notes", EVIL, 2)
        writer.add_histogram("weights", np.arange(100.0), 1)
        writer.add_image("picture", np.zeros((3, 8, 6)), 1)
    return tmp_path


def show(folder: Path, kind: str) -> AppTest:
    return AppTest.from_function(page, args=(str(folder), kind), default_timeout=60).run()


def test_the_newest_text_is_shown_as_it_is_and_older_ones_can_be_chosen(folder: Path) -> None:
    at = show(folder, "text")
    assert not at.exception
    assert [found.value for found in at.text] == [EVIL]
    assert at.caption[0].value == "Step 2"
    at.slider[0].set_value(1).run()
    assert ([found.value for found in at.text], at.caption[0].value) == (["first"], "Step 1")


def test_a_histogram_is_drawn(folder: Path) -> None:
    at = show(folder, "histogram")
    assert not at.exception
    assert len(at.get("vega_lite_chart") or at.get("arrow_vega_lite_chart")) == 1


def test_a_picture_reaches_the_browser_undecoded(folder: Path) -> None:
    at = show(folder, "image")
    assert not at.exception
    assert "data:image/png;base64," in str(at.get("image")[0].proto)
    assert "6 x 8 pixels" in str(at.get("image")[0].proto)


def test_a_record_that_was_damaged_meanwhile_is_told(folder: Path) -> None:
    (path,) = folder.glob("*tfevents*")
    data = bytearray(path.read_bytes())
    place = data.index(b"<script>")
    data[place : place + 8] = b"-------!"
    path.write_bytes(data)
    at = show(folder, "text")
    assert not at.exception
    assert EVIL not in str([found.value for found in at.text])
