"""What keeps a chat template from being used."""

from backend.errors import Action, DataError


class TemplateTooSlow(DataError):
    """A chat template that does not come to an end."""

    id = "template-too-slow"
    action = Action.OPEN_MODELS
    what = "The chat template of the base model does not come to an end on {row}."
    why = "A template is a program; this one took more than {seconds:g} seconds and was broken off."
    fix = "Do not use this model's chat template; take the original of the model, from its own repository."


class TemplateTooBig(DataError):
    """A chat template that fills the memory."""

    id = "template-too-big"
    action = Action.OPEN_MODELS
    what = "The chat template of the base model takes too much memory on {row}."
    why = "A template is a program; this one took more than {megabytes:,.0f} MB and was broken off."
    fix = "Do not use this model's chat template; take the original of the model, from its own repository."
