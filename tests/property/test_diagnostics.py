"""Whatever secret lies about on a machine, the diagnostics archive does not hold it."""

import io
import json
import zipfile
from datetime import UTC, datetime
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from backend.domain.diagnostic_parts import LARGEST_BYTES, LARGEST_PART_BYTES, Part, archive, bounded
from backend.domain.redaction import Redactor, secrets_of

NOW = datetime(2026, 11, 29, 12, tzinfo=UTC)
letters = st.text("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789", min_size=20, max_size=40)
people = st.text("bcdfghjklmnpqrstvwxz", min_size=4, max_size=9)
passwords = st.text("abcdefghijkmnopqrstuvwxyzABCDEFGH0123456789!$*+-._~", min_size=6, max_size=20)
around = st.sampled_from(["{}", "x={}", "({})", '"{}"', "{} ", "at {}, then", "\n{}\n", "[{}]", "'{}':"])


def texts_of(packed: bytes) -> dict[str, str]:
    with zipfile.ZipFile(io.BytesIO(packed)) as found:
        return {name: found.read(name).decode() for name in found.namelist()}


@given(token=letters, password=passwords, person=people, known=passwords, wrap=around)
def test_planted_secrets_never_appear(token: str, password: str, person: str, known: str, wrap: str) -> None:
    home = Path("/home") / person
    hide = Redactor((home,), (person,), secrets_of({"MY_SERVICE_TOKEN": known, "EDITOR": "vi"}))
    planted = [
        f"hf_{token}",
        f"sk-{token}",
        f"https://{person}:{password}@example.org/x",
        f"https://{password.replace('/', '')}@example.org/x",
        f"api_key={token}",
        f"Authorization: Bearer {token}",
        str(home / "models"),
        person,
        known,
    ]
    text = " ".join(wrap.format(each) for each in planted)
    value = {"a": planted, "nested": {"password": password, f"of {person}": [text]}, "hf_token": token}
    parts = [Part("log.txt", "text", hide.text(text)), Part("value.json", "", json.dumps(hide.value(value)))]
    told = "\n".join(texts_of(archive(bounded(parts), NOW)).values())
    for leak in (token, f":{password}@", f"/{password}@", known, str(home)):
        assert leak not in told
    assert person not in told.replace("[person]", "")
    assert json.loads(parts[1].text)["nested"]["password"] == "[hidden]"  # noqa: S105


@given(st.lists(st.integers(0, 3 * LARGEST_PART_BYTES), max_size=40))
def test_the_archive_has_a_largest_size_and_keeps_the_ends(sizes: list[int]) -> None:
    kept = bounded([Part(f"{number}.txt", "", "x" * size + "\nthe end") for number, size in enumerate(sizes)])
    assert sum(part.size_bytes for part in kept) <= LARGEST_BYTES
    assert all(part.size_bytes <= LARGEST_PART_BYTES + 100 and part.text.endswith("the end") for part in kept)


def test_the_list_names_every_part_with_its_size() -> None:
    told = texts_of(archive([Part("a.txt", "words", "é" * 3), Part("runs/1/log.txt", "a log", "")], NOW))
    assert list(told) == ["contents.txt", "a.txt", "runs/1/log.txt"]
    assert "a.txt" in told["contents.txt"]
    assert "6 bytes  words" in told["contents.txt"]
