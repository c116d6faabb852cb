"""Looking after presets from the Train page: what its dialog does."""

from collections.abc import Sequence

from app.components.preset_manager import FILES, preset_manager
from app.notices import attempt, say
from app.remembered import presets
from app.session import count_up, widget_value
from app.train_form import Form


def manage_presets(form: Form) -> None:
    """Open the dialog."""
    configs = form.services.configs

    def rename(name: str, new_name: str) -> None:
        configs.rename_preset(name, new_name)
        say(f"The preset {name} is called {new_name} now.")

    def delete(name: str) -> None:
        path = configs.delete_preset(name)
        say(f"The preset {name} is in the trash: {path}.")

    def take(name: str, key: str) -> None:
        file = widget_value(key)
        if file is not None:
            configs.import_preset(name, file.getvalue().decode("utf-8-sig", errors="replace"))
            count_up(FILES)
            say(f"The preset {name} was imported.")

    def tag(name: str, tags: Sequence[str]) -> None:
        configs.tag_preset(name, tags)
        say(f"The preset {name} has the tags {', '.join(tags)} now." if tags else f"The preset {name} has no tags now.")

    preset_manager(
        presets(form.services),
        configs.own_presets(),
        configs.preset_tags(),
        tag=lambda *facts: attempt(tag, *facts),
        rename=lambda *facts: attempt(rename, *facts),
        delete=lambda name: attempt(delete, name),
        take=lambda *facts: attempt(take, *facts),
    )
