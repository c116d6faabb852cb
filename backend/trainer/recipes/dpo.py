"""Direct preference optimization, by trl's trainer."""

from collections.abc import Sequence

from transformers import PreTrainedTokenizerBase
from trl.trainer.dpo_config import DPOConfig
from trl.trainer.dpo_trainer import DPOTrainer

from backend.data.examples import Preference
from backend.data.loading import LoadedDataset
from backend.domain.heartbeat import Phase
from backend.recipes import Dpo
from backend.trainer.kept_rows import kept_table
from backend.trainer.parts import Parts, Rows, Work
from backend.trainer.preferences import AnswerEncoder, encoded
from backend.trainer.trl_loop import TrlLoop, reference_model


def rows(work: Work, dataset: LoadedDataset, tokenizer: PreTrainedTokenizerBase) -> Rows:
    """Pairs as prompt_ids, chosen_ids and rejected_ids."""
    encoder = AnswerEncoder(tokenizer, work.config.training.max_length)

    def report(share: float) -> None:
        work.report(Phase.PREPARING, share, "cutting text into tokens")

    def part(examples: Sequence[object], name: str) -> list[dict[str, list[int]]]:
        def make() -> list[dict[str, list[int]]]:
            pairs = [example for example in examples if isinstance(example, Preference)]
            return encoded(pairs, name, encoder.pair, encoder.max_length, report)

        return kept_table(examples, tokenizer, ("pairs", encoder.max_length), make)

    return Rows(part(dataset.train, "training"), part(dataset.validation, "validation"))


def loop(parts: Parts) -> "DpoLoop":
    """The loop over pairs."""
    recipe = parts.config.recipe
    assert isinstance(recipe, Dpo)
    return DpoLoop(parts, recipe)


class DpoLoop(TrlLoop, DPOTrainer):
    """eval/rewards/accuracies is the share of held-out pairs whose preferred answer has the higher reward."""

    def __init__(self, parts: Parts, recipe: Dpo) -> None:
        arguments = DPOConfig(
            **parts.arguments,
            beta=recipe.beta,
            loss_type=[recipe.loss_type],
            label_smoothing=recipe.label_smoothing,
            max_length=None,
        )
        super().__init__(parts, args=arguments, ref_model=reference_model(parts.adapted))
