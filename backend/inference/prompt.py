"""How a conversation becomes the tokens that a model continues."""

import torch
from jinja2.exceptions import TemplateError
from transformers import PreTrainedTokenizerBase

from backend.domain.chat import ChatMessage, Template
from backend.inference.errors import TemplateRefused

# For models that were never taught a template; the same as the trainer's, held equal by a test.
PLAIN_TEMPLATE = (
    "{% if bos_token %}{{ bos_token }}{% endif %}"
    "{% for message in messages %}"
    "{{ '### ' + message['role'] | capitalize + '\\n' + message['content'] | trim }}"
    "{% if message['role'] == 'assistant' %}{{ eos_token }}{% endif %}"
    "{{ '\\n\\n' }}"
    "{% endfor %}"
    "{% if add_generation_prompt %}{{ '### Assistant\\n' }}{% endif %}"
)


def template_of(
    tokenizer: PreTrainedTokenizerBase, base_tokenizer: PreTrainedTokenizerBase, choice: Template
) -> tuple[str | None, str]:
    """The template to use, None for the tokenizer's own, and whose it is, in words.

    The one saved with an adapter is the one that it was trained with.
    """
    if choice == "auto" and tokenizer.chat_template:
        return None, "the model's" if tokenizer is base_tokenizer else "the one that training used"
    if choice == "auto" and isinstance(base_tokenizer.chat_template, str):
        return base_tokenizer.chat_template, "the model's"
    return PLAIN_TEMPLATE, "the studio's plain one"


def prompt_ids(
    tokenizer: PreTrainedTokenizerBase, template: str | None, messages: tuple[ChatMessage, ...]
) -> torch.Tensor:
    """Token ids of shape [1, n]; without a `template` by the tokenizer's own.

    Raises TemplateRefused. A template is a program: a hostile one can run for long, and is ended with this
    process when the person stops the answer.
    """
    try:
        text = tokenizer.apply_chat_template(
            [message.model_dump() for message in messages],
            chat_template=template,
            add_generation_prompt=True,
            tokenize=False,
        )
    except (TemplateError, TypeError, ValueError) as error:
        raise TemplateRefused(reason=str(error) or type(error).__name__) from error
    ids = tokenizer(text, add_special_tokens=False, return_tensors="pt")["input_ids"]
    assert isinstance(ids, torch.Tensor)
    return ids
