"""What all contestants train on: a model with random weights, its tokenizer, rows as text and the same rows as ids."""

import json
import random
from dataclasses import asdict, dataclass
from pathlib import Path

IGNORED = -100
MARKS = ("<pad>", "<bos>", "<eos>", "<user>", "<assistant>")
NUM_MARKS = 4  # <bos><user> ... <assistant> ... <eos>
CHAT_TEMPLATE = (
    "{{ bos_token }}{% for message in messages %}"
    "{% if message['role'] == 'user' %}<user> {{ message['content'] }} {% else %}"
    "<assistant> {{ message['content'] }} {{ eos_token }}{% endif %}"
    "{% endfor %}{% if add_generation_prompt %}<assistant>{% endif %}"
)
SYLLABLES = [c + v + e for c in "bdfgklmnprstvz" for v in "aeiou" for e in ("", "n", "r")]


@dataclass(frozen=True, slots=True)
class Size:
    """How large model and rows are. Lengths are in tokens; of the optimizer `steps`, `warm_up` do not count."""

    hidden: int = 512
    layers: int = 5
    vocabulary: int = 16_384
    batch: int = 8
    steps: int = 5
    warm_up: int = 1
    median_length: int = 64
    longest: int = 384
    even_length: int = 112

    @property
    def num_rows(self) -> int:
        """Each row is used once."""
        return self.batch * self.steps


@dataclass(frozen=True, slots=True)
class Material:
    """A folder with `model/`, and for each data set `<name>.jsonl` (text) and `<name>.tokens.json` (ids and labels)."""

    folder: Path
    size: Size

    @property
    def model(self) -> Path:
        """The base model with its tokenizer."""
        return self.folder / "model"

    def text(self, data: str) -> Path:
        """Rows as conversations."""
        return self.folder / f"{data}.jsonl"

    def tokens(self, data: str) -> Path:
        """The same rows as `input_ids` and `labels`."""
        return self.folder / f"{data}.tokens.json"

    def rows(self, data: str) -> list[dict[str, list[int]]]:
        """The rows of `tokens`."""
        found: list[dict[str, list[int]]] = json.loads(self.tokens(data).read_text(encoding="utf-8"))
        return found


def make_material(folder: Path, size: Size, data_sets: tuple[str, ...]) -> Material:
    """Make it, the same for the same size; what is there already is used."""
    material = Material(folder, size)
    done, told = folder / "size.json", json.dumps([asdict(size), data_sets])
    if done.is_file() and done.read_text(encoding="utf-8") == told:
        return material
    folder.mkdir(parents=True, exist_ok=True)
    chance = random.Random(3)  # noqa: S311 - sample data
    words = word_list(size.vocabulary - len(MARKS), chance)
    tokenizer = word_tokenizer(words)
    for data in data_sets:
        lengths = [size.even_length] * size.num_rows if data == "even" else _uneven(size, chance)
        turns = [_turns(words, length, chance) for length in lengths]
        material.text(data).write_text("".join(json.dumps({"messages": t}) + "\n" for t in turns), encoding="utf-8")
        rows = [_ids(tokenizer, *(turn["content"] for turn in t)) for t in turns]
        material.tokens(data).write_text(json.dumps(rows), encoding="utf-8")
    _save_model(material.model, tokenizer, size)
    done.write_text(told, encoding="utf-8")
    return material


def word_list(count: int, chance: random.Random) -> list[str]:
    """Different invented words, most used first."""
    found: dict[str, None] = {}
    while len(found) < count:
        found["".join(chance.choices(SYLLABLES, k=chance.randint(2, 4)))] = None
    return list(found)


def _uneven(size: Size, chance: random.Random) -> list[int]:
    """Lengths as chat data sets have them: many short rows, a few long ones (log-normal, sigma 0.8)."""
    drawn = (round(size.median_length * chance.lognormvariate(0, 0.8)) for _ in range(size.num_rows))
    return [min(max(length, 3 * NUM_MARKS), size.longest) for length in drawn]


def _turns(words: list[str], length: int, chance: random.Random) -> list[dict[str, str]]:
    """A question and an answer of `length` tokens together; words are drawn by Zipf's law."""
    drawn = [words[min(int(len(words) ** chance.random()), len(words)) - 1] for _ in range(length - NUM_MARKS)]
    cut = max(1, min(len(drawn) - 1, round(len(drawn) * chance.uniform(0.2, 0.6))))
    return [
        {"role": "user", "content": " ".join(drawn[:cut])},
        {"role": "assistant", "content": " ".join(drawn[cut:])},
    ]


def _ids(tokenizer: object, question: str, answer: str) -> dict[str, list[int]]:
    """What the chat template gives, with the question masked."""
    encode = tokenizer.encode  # type: ignore[attr-defined] # a fast tokenizer
    prompt = encode(f"<bos><user> {question} <assistant>", add_special_tokens=False)
    learned = encode(f" {answer} <eos>", add_special_tokens=False)
    return {"input_ids": prompt + learned, "labels": [IGNORED] * len(prompt) + learned}


def word_tokenizer(words: list[str]) -> object:
    """One token for each word, so that lengths are exact."""
    from tokenizers import Tokenizer, models, pre_tokenizers, trainers  # noqa: PLC0415 - not needed to read material
    from transformers import PreTrainedTokenizerFast  # noqa: PLC0415

    tokenizer = Tokenizer(models.WordLevel(unk_token="<pad>"))  # noqa: S106 - a mark
    tokenizer.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    size = len(words) + len(MARKS)
    trainer = trainers.WordLevelTrainer(vocab_size=size, special_tokens=list(MARKS), show_progress=False)
    tokenizer.train_from_iterator([" ".join(words)], trainer)
    names = {"bos_token": "<bos>", "eos_token": "<eos>", "pad_token": "<pad>"}
    fast = PreTrainedTokenizerFast(  # type: ignore[no-untyped-call]
        tokenizer_object=tokenizer, additional_special_tokens=["<user>", "<assistant>"], **names
    )
    fast.chat_template = CHAT_TEMPLATE
    return fast


def _save_model(folder: Path, tokenizer: object, size: Size) -> None:
    """A Llama with random weights."""
    import torch  # noqa: PLC0415 - not needed to read material
    from transformers import LlamaConfig, LlamaForCausalLM  # noqa: PLC0415

    torch.manual_seed(7)
    config = LlamaConfig(
        vocab_size=size.vocabulary,
        hidden_size=size.hidden,
        intermediate_size=size.hidden * 11 // 4,
        num_hidden_layers=size.layers,
        num_attention_heads=max(2, size.hidden // 64),
        num_key_value_heads=max(1, size.hidden // 128),
        max_position_embeddings=2 * size.longest,
        bos_token_id=tokenizer.bos_token_id,  # type: ignore[attr-defined]
        eos_token_id=tokenizer.eos_token_id,  # type: ignore[attr-defined]
        pad_token_id=tokenizer.pad_token_id,  # type: ignore[attr-defined]
    )
    model = LlamaForCausalLM(config)
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)  # type: ignore[attr-defined]
