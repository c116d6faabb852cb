"""Putting a method onto a base model, and taking its tensors out and in again."""

import copy
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, ClassVar, Literal

import torch
from peft import LoraConfig, PeftConfig, PeftModel, get_peft_model, get_peft_model_state_dict, set_peft_model_state_dict
from peft.optimizers import create_lorafa_optimizer, create_loraplus_optimizer
from safetensors.torch import load_file, save_file
from torch.optim import Optimizer
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from backend.methods import Adalora, Found, Head, LoraFamily, Method, PeftMethod, WholeMethod
from backend.methods.family import MOVES_WEIGHTS, NEEDS_ROWS
from backend.trainer import adalora
from backend.trainer.adapted import Adapted
from backend.trainer.errors import MethodUnsuitable
from backend.trainer.starts import START, Calibration, Sources, begin_again, beside_start, finish_start, prepare_start
from backend.trainer.targets import check_fit, resolved, targeted
from backend.trainer.tensor_tree import Tensors, on_host
from backend.trainer.whole import WholeModel

__all__ = ["Adapted", "PeftAdapted", "adapt"]

WEIGHTS = "adapter_model.safetensors"
TRAINED = "trained.safetensors"  # trained tensors that peft's own form of the adapter does not hold as they are
NAME = ".default"


class PeftAdapted(Adapted):
    """A base model that wears an adapter.

    A start that moves weights (PiSSA and others) takes s B0 A0 out of each weight W. A0 and B0 are kept with every
    checkpoint: a later attempt subtracts the same product again, which is exact, instead of repeating a
    decomposition, which need not be. The finished adapter is [A; A0], [B, -B0] with twice the rank on the
    untouched W, because s (B A - B0 A0) = s [B, -B0] [A; A0]. It is what peft's
    `save_pretrained(path_initial_model_for_weight_conversion=...)` computes, without that function's second
    adapter in memory and without its loss of trained biases.
    """

    place: ClassVar[Literal["adapter", "model"]] = "adapter"

    def __init__(self, model: PeftModel, method: PeftMethod, start: Tensors | None) -> None:
        self.model = model
        self._method = method
        self._start = start

    @property
    def has_moved_base(self) -> bool:
        """Whether the base weights are other ones while it is worn, so that switching it off gives another model."""
        return self._start is not None

    def copied(self) -> Callable[[Path], None]:
        """Copy everything that training changed now; the adapter as it is in peft's form."""
        config, tensors = self._config(), self.tensors()
        is_cut = isinstance(self._method, Adalora)  # peft's form leaves out the ranks that were taken away
        beyond = {name: tensor for name, tensor in self._trained() if is_cut or not _is_held(name, tensor, tensors)}
        write_ranks = adalora.copied(self.model) if is_cut else None

        def write(folder: Path) -> None:
            config.save_pretrained(str(folder))
            save_file(tensors, folder / WEIGHTS, metadata={"format": "pt"})
            if beyond:
                save_file(beyond, folder / TRAINED)
            if self._start is not None:
                save_file(self._start, folder / START)
            if write_ranks is not None:
                write_ranks(folder)

        return write

    def read(self, folder: Path) -> None:
        """Take over the tensors of a checkpoint. Raises ValueError if they belong to another adapter."""
        beyond = load_file(folder / TRAINED) if (folder / TRAINED).is_file() else {}
        trained = {name: tensor for name, tensor in self.model.named_parameters() if tensor.requires_grad}
        if not trained.keys() <= beyond.keys():
            result: Any = set_peft_model_state_dict(self.model, load_file(folder / WEIGHTS))
            if result.unexpected_keys:
                raise ValueError(f"{folder} holds another adapter: {result.unexpected_keys[:3]}")
        with torch.no_grad():
            for name, tensor in beyond.items():
                trained[name].copy_(tensor)
        if isinstance(self._method, Adalora):
            adalora.read(self.model, folder)

    def write_result(self, folder: Path) -> None:
        """The finished adapter, for `peft.PeftModel.from_pretrained` on the untouched base model."""
        tensors, config = self.tensors(), self._config()
        config.inference_mode = True
        if isinstance(config, LoraConfig):
            config.init_lora_weights = True
            config.eva_config = config.corda_config = config.lora_ga_config = None
        if self._start is not None:
            assert isinstance(config, LoraConfig)
            config, tensors = beside_start(config, tensors, self._start)
        config.save_pretrained(str(folder))
        save_file(tensors, folder / WEIGHTS, metadata={"format": "pt"})

    def tensors(self) -> Tensors:
        """The adapter as peft stores it: copies on the CPU, by name without the adapter's own name."""
        found = get_peft_model_state_dict(self.model, save_embedding_layers=False)
        return {name: on_host(tensor) for name, tensor in found.items()}

    def begin(self, total_steps: int) -> None:
        """AdaLoRA's phases depend on the length of the run."""
        if isinstance(self._method, Adalora):
            adalora.begin(self.model, self._method, total_steps)

    def after_step(self, step: int) -> None:
        """AdaLoRA looks at the gradients and takes ranks away."""
        if isinstance(self._method, Adalora):
            self.model.base_model.update_and_allocate(step)

    def optimizer(self, kind: type[Optimizer], options: dict[str, Any]) -> Optimizer | None:
        """LoRA+ groups the parameters; LoRA-FA is an AdamW of its own."""
        method = self._method
        if not isinstance(method, LoraFamily):
            return None
        if method.lora_fa:
            decay = options.get("weight_decay", 0.0)
            return create_lorafa_optimizer(
                self.model, r=method.rank, lora_alpha=round(method.alpha), lr=options["lr"], weight_decay=decay
            )
        if method.lora_plus_ratio is None:
            return None
        decay = options.pop("weight_decay", 0.0)
        ratio = method.lora_plus_ratio
        return create_loraplus_optimizer(
            self.model, kind, loraplus_lr_ratio=ratio, loraplus_weight_decay=decay, **options
        )

    def _trained(self) -> Iterator[tuple[str, torch.Tensor]]:
        """Copies of what is trained, one at a time, by name."""
        for name, tensor in self.model.named_parameters():
            if tensor.requires_grad:
                yield name, on_host(tensor)

    def _config(self) -> PeftConfig:
        config: Any = copy.deepcopy(self.model.peft_config["default"])
        targets: Any = getattr(config, "target_modules", None)
        if isinstance(targets, set):
            config.target_modules = sorted(targets)  # the same file for the same run
        assert isinstance(config, PeftConfig)
        return config


def adapt(
    base: PreTrainedModel,
    method: Method,
    *,
    head: Head = "language",
    revision: str | None = None,
    resumed: Path | None = None,
    tokenizer: PreTrainedTokenizerBase | None = None,
    calibration: Calibration | None = None,
    weights: Path | None = None,
) -> Adapted:
    """Make the base model trainable as the method says, with a fresh adapter, or with the one of a checkpoint.

    A fresh adapter is a function of torch's seed and, for some starts, of the rows that `calibration` gives.
    Methods that name tokens need `tokenizer`, and LoftQ the folder of the base's files, `weights`.
    Raises MethodUnsuitable, TargetModulesUnknown or TargetPatternUnusable.
    """
    check_fit(base, method)
    if isinstance(method, WholeMethod):
        return WholeModel(base, method)
    try:
        config = method.peft_config(head, _found(base, method, tokenizer))
        return _worn(base, method, config, revision, resumed, Sources(calibration, weights))
    except (ValueError, TypeError, KeyError, NotImplementedError, AssertionError, ImportError) as error:
        raise MethodUnsuitable(method=method.name, why=str(error).strip() or type(error).__name__) from error


def _worn(
    base: PreTrainedModel,
    method: PeftMethod,
    config: PeftConfig,
    revision: str | None,
    resumed: Path | None,
    sources: Sources,
) -> PeftAdapted:
    start = method.start if isinstance(method, LoraFamily) else "default"
    if resumed is not None:
        config = _as_it_was(config, start, resumed)
    elif isinstance(config, LoraConfig):
        prepare_start(base, config, start, sources)
    model = get_peft_model(base, config, revision=revision)
    assert isinstance(model, PeftModel)
    if resumed is None:
        finish_start(model, start, sources)
    if start not in MOVES_WEIGHTS:
        return PeftAdapted(model, method, None)
    assert isinstance(config, LoraConfig)
    config.init_lora_weights = True  # it is under way: what is loaded later must not be decomposed again
    first = PeftAdapted(model, method, None).tensors()
    return PeftAdapted(model, method, begin_again(model, start, resumed / START) if resumed else first)


def _as_it_was(config: PeftConfig, start: str, resumed: Path) -> PeftConfig:
    """The configuration to go on with: what a start found out is not found out again."""
    if isinstance(config, LoraConfig) and (start in MOVES_WEIGHTS or start in NEEDS_ROWS):
        config.init_lora_weights = True
        config.eva_config = config.corda_config = config.lora_ga_config = None
        if start == "eva":
            kept = PeftConfig.from_pretrained(str(resumed))
            for name in ("r", "rank_pattern", "alpha_pattern", "target_modules"):
                setattr(config, name, getattr(kept, name))
    return config


def _found(base: PreTrainedModel, method: PeftMethod, tokenizer: PreTrainedTokenizerBase | None) -> Found:
    """What the method names, looked up."""
    targets = resolved(base, method)
    if isinstance(method, LoraFamily) and method.start in NEEDS_ROWS:
        targets = tuple(targeted(base, method))  # these starts look at the layers before peft has expanded names
    invocation: str = getattr(method, "alora_invocation", "")
    named: tuple[str, ...] = getattr(method, "trainable_tokens", ())
    if not invocation and not named:
        return Found(targets)
    assert tokenizer is not None, "methods that name tokens need the tokenizer"
    ids: Any = tokenizer.convert_tokens_to_ids(list(named))
    unknown = [token for token, number in zip(named, ids, strict=True) if number in (None, tokenizer.unk_token_id)]
    if unknown:
        raise ValueError(f"The tokenizer has no token {', '.join(unknown)}.")
    return Found(targets, tuple(tokenizer.encode(invocation, add_special_tokens=False)), tuple(ids))


def _is_held(name: str, tensor: torch.Tensor, tensors: Tensors) -> bool:
    """Whether peft's form of the adapter has a trained tensor as it is."""
    held = tensors.get(name.replace(NAME, ""))
    return held is not None and held.shape == tensor.shape and torch.equal(held, tensor)
