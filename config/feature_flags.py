"""Feature flags: parts of the studio that can be switched without a change of code."""

from pydantic import BaseModel, ConfigDict

from config.setting_fields import Effect, Group, setting


class FeatureFlags(BaseModel):
    """Parts of the studio that can be switched off, or on, without a change of code."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    developer: bool = setting(
        Group.FEATURES,
        Effect.NOW,
        False,
        description="Show the Developer page: the state, the events and the timings inside the studio.",
    )
    tensorboard: bool = setting(
        Group.FEATURES, Effect.NOW, True, description="Offer TensorBoard beside the curves, on Monitor and Curves."
    )
    plugins: bool = setting(
        Group.FEATURES, Effect.NEXT_START, True, description="Load the plugins that are installed beside the studio."
    )
