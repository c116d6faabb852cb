"""Whether the Machine page, the HTTP interface and the doctor tell the same truth about one machine."""

from collections.abc import Mapping
from typing import Any

from streamlit.testing.v1 import AppTest

Told = Mapping[str, Any]


def shown_verdicts(at: AppTest) -> dict[str, str]:
    """The Machine page's table of dependencies: verdicts by name."""
    table = next(each.value for each in at.dataframe if "Verdict" in each.value)
    return dict(zip(table["Name"], table["Verdict"], strict=True))


def assert_same_truth(shown: Mapping[str, str], api: Told, doctor: Told) -> None:
    """`shown` as `shown_verdicts`, `api` the answer of /api/dependencies, `doctor` that of `doctor --json`."""
    checks = {check["name"]: check for check in doctor["dependencies"]["checks"]}
    missing = {name for name, check in checks.items() if check["required"] and not check["installed"]}
    assert set(shown) == set(checks)
    assert {name for name, verdict in shown.items() if verdict == "missing"} == missing
    assert set(api["missing_packages"]) == missing
    wrong = {name for name, verdict in shown.items() if verdict == "fails"}
    assert doctor["dependencies"]["all_passed"] is (not missing and not wrong)
    assert api["cuda_available"] is checks["cuda"]["installed"] is (shown["cuda"] == "passes")
    assert api["python_version"] == checks["python"]["version"]
    for name, field in (("torch", "torch_available"), ("unsloth", "unsloth_available")):
        if name in checks:
            assert api[field] is (shown[name] == "passes"), name
    for name in ("transformers", "peft"):
        if name in checks:
            assert api[f"{name}_version"] == checks[name]["version"]
