"""The Python reward: a file of a person's own, run only after its hash was consented to."""

import hashlib
from pathlib import Path
from typing import ClassVar, Literal

from pydantic import Field

from backend.errors import ConfigurationError
from backend.recipes.rewards.base import RewardSpec
from backend.spec import Card

MAX_BYTES = 1_000_000


class RewardFileUnreadable(ConfigurationError):
    """The file of a Python reward cannot be read."""

    id = "reward-file-unreadable"
    what = "The reward file {path} cannot be read."
    why = "{why}"
    fix = "Give the path of a Python file in recipe.rewards.python.path."


class RewardFileNotTrusted(ConfigurationError):
    """The bytes of a Python reward are not the ones that a person consented to."""

    id = "reward-file-not-trusted"
    what = "The reward file {path} is a program that nobody has consented to run."
    why = "{why} The file that lies there now has the SHA-256 {found}."
    fix = "Read the file. If you trust it with all that you can do, set recipe.rewards.python.trusted to {found}."


class PythonReward(RewardSpec):
    """Scores by the function `reward(prompts, completions, answers)` of a Python file.

    It gets three lists of equal length: texts of the last questions, texts of the answers, and the dataset's
    answers (None where there is none), and returns a number for each. The file runs with all rights of the
    trainer, and only if its bytes have the SHA-256 that `trusted` names.
    """

    card: ClassVar[Card] = Card(
        title="Python file",
        summary="Your own function reward(prompts, completions, answers), from a file that you trust.",
        use_when="Nothing else says what a good answer is.",
    )
    name: Literal["python"] = "python"
    path: str = Field(min_length=1, title="File", description="A Python file; relative to the run.yaml that names it.")
    trusted: str | None = Field(
        default=None,
        pattern="^[0-9a-f]{64}$",
        title="Trusted SHA-256",
        description="The SHA-256 of the file as you read it: your consent to run these bytes and no others.",
    )

    def trusted_source(self, base: Path) -> bytes:
        """The bytes that may be run. Raises RewardFileUnreadable, RewardFileNotTrusted."""
        path = base / Path(self.path).expanduser()
        try:
            with path.open("rb") as file:
                source = file.read(MAX_BYTES + 1)
        except (OSError, ValueError) as error:
            raise RewardFileUnreadable(path=path, why=f"{error}.") from error
        if len(source) > MAX_BYTES:
            raise RewardFileUnreadable(path=path, why=f"It is larger than {MAX_BYTES:,} bytes.")
        found = hashlib.sha256(source).hexdigest()
        if found != self.trusted:
            why = "No hash is given in trusted." if self.trusted is None else f"Consent was given to {self.trusted}."
            raise RewardFileNotTrusted(path=path, why=why, found=found)
        return source
