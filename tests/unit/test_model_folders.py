"""Folders of strangers are read within bounds: nothing is executed, followed out, unpickled or believed."""

import json
import os
import struct
from pathlib import Path

import pytest

from backend.domain.model_facts import Home
from backend.store.hub_cache import cached_models
from backend.store.model_folders import MOST_JSON_BYTES, folders_below, read_folder, signature
from backend.store.model_probe import LocalModels
from backend.store.weight_headers import HeaderUnreadable, read_header
from tests.fakes.model_folders import COMMIT, NUM_PARAMETERS, OLDER, a_cached_model, a_model, an_adapter, weights


def header_file(path: Path, text: bytes, length: int | None = None) -> Path:
    path.write_bytes(struct.pack("<Q", len(text) if length is None else length) + text)
    return path


def test_a_model_is_described_by_its_small_files(tmp_path: Path) -> None:
    card = "---\nlicense: apache-2.0\ntags:\n- license: mit\n---\n# A model\n"
    folder = a_model(tmp_path / "m", README__md=card, chat_template__jinja="{{ 1 }}")
    found = read_folder(folder).model
    assert found is not None
    assert (found.architecture, found.context_length, found.vocabulary_size) == ("LlamaForCausalLM", 2048, 100)
    assert (found.weights.num_parameters, found.weights.number_format) == (NUM_PARAMETERS, "bfloat16")
    assert found.weights.layers == (("q_proj", 2), ("up_proj", 1))
    assert (found.licence, found.has_chat_template, found.has_code, found.problems) == ("apache-2.0", True, False, ())
    assert found.size_bytes == sum(path.stat().st_size for path in folder.iterdir())


def test_the_language_model_of_a_multimodal_one_gives_the_numbers(tmp_path: Path) -> None:
    config = {"model_type": "gemma3", "text_config": {"max_position_embeddings": 131_072, "vocab_size": 262_144}}
    found = read_folder(a_model(tmp_path / "m", config)).model
    assert found is not None
    assert (found.architecture, found.context_length, found.vocabulary_size) == ("gemma3", 131_072, 262_144)


@pytest.mark.parametrize(
    ("files", "licence"),
    [
        ({}, "not stated"),
        ({"LICENSE": "\n   Apache License\nVersion 2.0\n"}, "Apache License"),
        ({"README__md": "---\nlicense: other\nlicense_name: llama3.2\n---\n"}, "llama3.2"),
        ({"README__md": "---\nlicense: 'mit'\n"}, "not stated"),
        ({"README__md": "license: mit\n"}, "not stated"),
    ],
)
def test_a_licence_is_stated_or_said_not_to_be(tmp_path: Path, files: dict[str, str], licence: str) -> None:
    found = read_folder(a_model(tmp_path / "m", **files)).model
    assert found is not None
    assert found.licence == licence


def test_code_of_a_model_is_noticed_and_never_run(tmp_path: Path) -> None:
    config = {"auto_map": {"AutoModelForCausalLM": "evil.Evil"}, "architectures": ["Evil"]}
    folder = a_model(tmp_path / "m", config, evil__py="raise SystemExit")
    found = read_folder(folder).model
    assert found is not None
    assert found.has_code


def test_pickled_weights_are_named_and_not_read(tmp_path: Path) -> None:
    folder = a_model(tmp_path / "m", pytorch_model__bin="cos\nsystem\n(S'touch /tmp/gone'\ntR.")
    (folder / "model.safetensors").unlink()
    found = read_folder(folder).model
    assert found is not None
    assert found.problems == ("only pickled weights, which are never read",)
    assert not found.weights.are_whole


@pytest.mark.parametrize(
    ("text", "length", "why"),
    [
        (b"{}", 2**60, "claims more bytes"),
        (b"", None, "damaged"),
        (b"[]", None, "damaged"),
        (b'{"a": {"dtype": "F32", "shape": [1000000000, 1000000000], "data_offsets": [0, 4]}}', None, "damaged"),
        (b'{"a": {"dtype": "F32", "shape": [-1], "data_offsets": [0, -4]}}', None, "damaged"),
        (b'{"a": {"dtype": "F32", "shape": "ab", "data_offsets": [0, 4]}}', None, "damaged"),
        (b'{"a": 1}', None, "damaged"),
        (b"[" * 100_000, None, "damaged"),
        (b'{"a": {"shape": [' + b"9" * 5_000 + b"]}}", None, "damaged"),
    ],
)
def test_a_lying_header_is_refused_in_words(tmp_path: Path, text: bytes, length: int | None, why: str | None) -> None:
    path = header_file(tmp_path / "model.safetensors", text, length)
    with pytest.raises(HeaderUnreadable, match=why):
        read_header(path)


def test_a_header_larger_than_the_bound_is_not_read(tmp_path: Path) -> None:
    path = weights(tmp_path / "model.safetensors", {"a": ("F32", (2, 2))})
    with pytest.raises(HeaderUnreadable, match="longer than 10 bytes"):
        read_header(path, most_bytes=10)


def test_a_file_that_ends_too_early_says_how_much_is_missing(tmp_path: Path) -> None:
    folder = a_model(tmp_path / "m")
    file = folder / "model.safetensors"
    file.write_bytes(file.read_bytes()[:-100])
    found = read_folder(folder).model
    assert found is not None
    assert found.problems == ("model.safetensors: 100 bytes are missing at its end",)
    assert found.weights.num_parameters is None


def test_a_missing_part_makes_no_half_count(tmp_path: Path) -> None:
    folder = a_model(tmp_path / "m")
    index = {"weight_map": {"a": "model.safetensors", "b": "model-2.safetensors"}}
    (folder / "model.safetensors.index.json").write_text(json.dumps(index))
    found = read_folder(folder).model
    assert found is not None
    assert (found.weights.num_parameters, found.weights.num_missing) == (None, 1)
    assert "model-2.safetensors: it is missing" in found.problems


def test_an_index_that_points_out_of_the_folder_is_not_followed(tmp_path: Path) -> None:
    weights(tmp_path / "secret.safetensors", {"a": ("F32", (2, 2))})
    folder = a_model(tmp_path / "m")
    (folder / "model.safetensors.index.json").write_text(json.dumps({"weight_map": {"a": "../secret.safetensors"}}))
    found = read_folder(folder).model
    assert found is not None
    assert found.weights.num_parameters is None
    assert "leads out of the folder" in found.problems[0]


def test_a_link_out_of_the_folder_is_not_read(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("---\nlicense: secret\n---\n")
    folder = a_model(tmp_path / "m")
    (folder / "README.md").symlink_to(tmp_path / "secret")
    found = read_folder(folder).model
    assert found is not None
    assert found.licence == "not stated"


def test_packed_weights_give_no_invented_number(tmp_path: Path) -> None:
    folder = a_model(tmp_path / "m")
    weights(folder / "model.safetensors", {"model.layers.0.q_proj.weight": ("U8", (64, 1)), "norm": ("F16", (8,))})
    found = read_folder(folder).model
    assert found is not None
    assert (found.weights.num_parameters, found.weights.is_packed) == (None, True)


def test_a_huge_or_broken_json_is_named(tmp_path: Path) -> None:
    folder = a_model(tmp_path / "m")
    with (folder / "config.json").open("wb") as file:
        file.truncate(MOST_JSON_BYTES + 1)
    (folder / "tokenizer_config.json").write_text("[" * 200_000)
    found = read_folder(folder).model
    assert found is not None
    assert "config.json: 20,000,001 bytes are too many to be read" in found.problems
    assert "tokenizer_config.json: RecursionError" in found.problems


def test_a_pipe_in_a_folder_does_not_stop_the_reader(tmp_path: Path) -> None:
    folder = a_model(tmp_path / "m")
    os.mkfifo(folder / "README.md")
    os.mkfifo(folder / "tokenizer_config.json")
    found = read_folder(folder).model
    assert found is not None
    assert found.licence == "not stated"


def test_an_adapter_is_described_with_the_fingerprint_of_its_card(tmp_path: Path) -> None:
    found = read_folder(an_adapter(tmp_path / "a", base="org/base", fingerprint="abc123")).adapter
    assert found is not None
    assert (found.method, found.rank, found.base_model, found.targets) == ("lora", 4, "org/base", "q_proj")
    assert (found.weights.num_parameters, found.dataset_fingerprint) == (64, "abc123")


def test_loops_of_links_end_and_depth_is_bounded(tmp_path: Path) -> None:
    a_model(tmp_path / "shelf" / "one")
    a_model(tmp_path / "shelf" / "a" / "b" / "c" / "d" / "too-deep")
    (tmp_path / "shelf" / "loop").symlink_to(tmp_path / "shelf")
    (tmp_path / "shelf" / "self").symlink_to("self")
    assert [folder.name for folder in folders_below(tmp_path / "shelf")] == ["one"]


def test_a_linked_folder_is_found_once(tmp_path: Path) -> None:
    a_model(tmp_path / "elsewhere" / "m")
    (tmp_path / "shelf").mkdir()
    for name in ("x", "y"):
        (tmp_path / "shelf" / name).symlink_to(tmp_path / "elsewhere")
    assert len(list(folders_below(tmp_path / "shelf"))) == 1


def test_a_signature_changes_with_any_file(tmp_path: Path) -> None:
    folder = a_model(tmp_path / "m")
    before = signature(folder)
    (folder / "README.md").write_text("new")
    assert signature(folder) != before


def test_the_cache_counts_a_blob_once_and_names_what_is_unfinished(tmp_path: Path) -> None:
    folder = a_cached_model(tmp_path, "org/name", unfinished=2)
    (found,) = cached_models(tmp_path)
    assert (found.id, found.commits) == ("org/name", (COMMIT, OLDER))
    assert found.own_bytes == sum((folder / "blobs" / name).stat().st_size for name in ("config", "weights"))
    assert (found.num_unfinished, found.unfinished_bytes, found.shared_bytes) == (2, 2000, 0)
    assert found.size_bytes == found.own_bytes + 2000


def test_a_shared_blob_of_the_cache_counts_as_shared(tmp_path: Path) -> None:
    folder = a_cached_model(tmp_path, "org/name")
    store = tmp_path / "blobs" / "ab"
    store.mkdir(parents=True)
    (folder / "blobs" / "weights").rename(store / "weights")
    (folder / "blobs" / "weights").symlink_to("../../blobs/ab/weights")
    (found,) = cached_models(tmp_path)
    assert found.shared_bytes == (store / "weights").stat().st_size
    spot = LocalModels().spots(tmp_path, Home.HUB)[0]
    facts = LocalModels().read(spot).model
    assert facts is not None
    assert facts.weights.num_parameters == NUM_PARAMETERS


def test_a_damaged_cache_lists_what_it_can(tmp_path: Path) -> None:
    a_cached_model(tmp_path, "org/good")
    (tmp_path / "models--org--empty").mkdir()
    (tmp_path / "models--org--file").write_text("no folder")
    (tmp_path / "datasets--org--rows").mkdir()
    odd = a_cached_model(tmp_path, "org/odd")
    (odd / "refs" / "main").write_bytes(b"\xff\x00" * 10_000)
    assert [model.id for model in cached_models(tmp_path)] == ["org/empty", "org/good", "org/odd"]
    assert list(cached_models(tmp_path / "nowhere")) == []


def test_a_cached_model_whose_links_lead_out_of_the_cache_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text(json.dumps({"architectures": ["Secret"]}))
    folder = a_cached_model(tmp_path / "hub", "org/name")
    blob = folder / "blobs" / "config"
    blob.unlink()
    blob.symlink_to(tmp_path / "secret")
    (spot,) = LocalModels().spots(tmp_path / "hub", Home.HUB)
    facts = LocalModels().read(spot).model
    assert facts is not None
    assert facts.architecture == ""
