"""Filling in the form as a person does, field by field."""

from collections.abc import Mapping

from backend.domain.actions import Updater, revise_draft


def edit_draft(changes: Mapping[str, object]) -> Updater:
    """Set fields of the form that is open."""
    return revise_draft(lambda draft: {**draft, **changes})
