"""A file of weights leaves memory once most of it has been replaced, and nothing of the model changes by that."""

from pathlib import Path

import pytest

from scripts.benchmarks.memory import material
from scripts.benchmarks.memory.material import Family, make_model

pytestmark = pytest.mark.training
SIZE = {
    "hidden_size": 64,
    "intermediate_size": 128,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "num_hidden_layers": 2,
    "max_position_embeddings": 64,
}


def mapped(model: Path) -> bool:
    return str(model) in Path("/proc/self/maps").read_text()


@pytest.mark.skipif(not Path("/proc/self/maps").exists(), reason="only Linux tells its mappings")
def test_a_file_is_let_go_of_when_its_layers_were_replaced_and_kept_while_they_are_used(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    import torch
    from transformers import AutoModelForCausalLM

    from backend.base_models.mapped_files import let_go_of_files

    monkeypatch.setitem(material.FAMILIES, "tiny", Family("llama", 300, SIZE))
    folder = make_model(tmp_path, "tiny")
    model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32)
    assert mapped(folder)
    assert let_go_of_files(model) == 0, "all of it is in use"
    assert mapped(folder)
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    for layer in model.model.layers:
        for module in layer.modules():
            if isinstance(module, torch.nn.Linear):
                module.weight.data = module.weight.data.clone()
    assert let_go_of_files(model) >= (folder / "model.safetensors").stat().st_size
    assert not mapped(folder)
    assert all(torch.equal(tensor, before[name]) for name, tensor in model.state_dict().items())
