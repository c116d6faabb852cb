"""An error as somebody met it: what it is, when and during what, and what can be done about it at once."""

from dataclasses import asdict, dataclass, fields

from backend.errors import Explanation


@dataclass(frozen=True, slots=True)
class Incident:
    """`id` is the one under which the log has the details. `action` and `subject` are "" if there is none.

    `subject` is what the action concerns: the id of a run. `details` are for developers, "" unless they want them.
    `is_being_repaired`: a recovery was tried, so the operation is worth repeating before anybody is told.
    """

    id: str
    error: Explanation
    operation: str
    action: str = ""
    subject: str = ""
    details: str = ""
    is_being_repaired: bool = False

    def to_notice(self) -> dict[str, str]:
        """As built-in values, which a browser session may keep."""
        told = {name: str(value) for name, value in asdict(self.error).items()}
        return {f"error.{name}": value for name, value in told.items()} | {
            "incident": self.id,
            "operation": self.operation,
            "action": self.action,
            "subject": self.subject,
            "details": self.details,
        }


def from_notice(notice: dict[str, str]) -> Incident:
    """The incident that `to_notice` gave."""
    error = Explanation(**{field.name: notice[f"error.{field.name}"] for field in fields(Explanation)})
    return Incident(
        notice["incident"], error, notice["operation"], notice["action"], notice["subject"], notice["details"]
    )
