"""Text that is given out in pieces is the text that would be given out at once."""

from functools import cache

from hypothesis import given
from hypothesis import strategies as st
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

from backend.inference.detokenizer import REPLACEMENT, Detokenizer

CORPUS = ["Grüße aus Köln! 你好世界 🌍👩‍👩‍👧 नमस्ते", "the cat sat on the mat, naïvely: café, œuvre, ﬁn"]


@cache
def byte_level() -> Tokenizer:
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(
        vocab_size=320, initial_alphabet=alphabet, special_tokens=["<end>"], show_progress=False
    )
    tokenizer.train_from_iterator(CORPUS * 3, trainer)
    return tokenizer


@cache
def byte_fallback() -> Tokenizer:
    """As in SentencePiece models: words begin with a mark, unknown characters are bytes."""
    vocab = {f"<0x{n:02X}>": n for n in range(256)}
    for piece in ("<unk>", "▁", "a", "t", "▁t", "e", "▁the", "▁cat", "c", "h", "s"):
        vocab.setdefault(piece, len(vocab))
    merges = [("▁", "t")]
    unknown = {"unk_token": "<unk>"}
    tokenizer = Tokenizer(models.BPE(vocab=vocab, merges=merges, byte_fallback=True, **unknown))
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
    tokenizer.decoder = decoders.Sequence(
        [decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse(), decoders.Strip(" ", 1, 0)]
    )
    return tokenizer


def pieces(tokenizer: Tokenizer, ids: list[int]) -> list[str]:
    detokenizer = Detokenizer(lambda part: str(tokenizer.decode(part, skip_special_tokens=True)))
    return [*(detokenizer.push(one) for one in ids), detokenizer.flush()]


@given(st.lists(st.integers(0, 319), max_size=60))
def test_any_tokens_of_a_byte_level_tokenizer(ids: list[int]) -> None:
    ids = [one for one in ids if one < byte_level().get_vocab_size()]
    assert "".join(pieces(byte_level(), ids)) == byte_level().decode(ids, skip_special_tokens=True)


@given(st.text(max_size=60))
def test_any_text_through_a_byte_level_tokenizer_in_whole_characters(text: str) -> None:
    shown = pieces(byte_level(), byte_level().encode(text).ids)
    assert "".join(shown) == text
    assert REPLACEMENT in text or not any(REPLACEMENT in piece for piece in shown)


@given(st.text(st.characters(exclude_characters="▁", exclude_categories=["Cs"]), max_size=40))
def test_any_text_through_a_tokenizer_that_falls_back_to_bytes(text: str) -> None:
    ids = byte_fallback().encode(text).ids
    assert "".join(pieces(byte_fallback(), ids)) == byte_fallback().decode(ids)


def test_a_character_of_four_bytes_comes_out_once_and_whole() -> None:
    tokenizer = byte_fallback()
    ids = [0xF0, 0x9F, 0x8C, 0x8D]
    assert pieces(tokenizer, ids) == ["", "", "", "🌍", ""]


def test_an_answer_cut_inside_a_character_ends_with_its_replacement() -> None:
    tokenizer = byte_fallback()
    assert pieces(tokenizer, [0xF0, 0x9F]) == ["", "", tokenizer.decode([0xF0, 0x9F])]
