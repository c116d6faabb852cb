"""Whether a torch can use the GPUs found: by its build, the driver, the generation of the GPU, and its own word."""

from dataclasses import dataclass, replace
from importlib.metadata import version

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backend.domain.machine import Gpu, GpuReading, TorchBuild
from backend.domain.torch_fit import BUILDS, covers, judge, matching_build, without_nvidia
from tests.fakes.machine import CPU_TORCH, CUDA_TORCH, ONE_GPU

ROCM_TORCH = TorchBuild("2.13.0+rocm7.2", cuda=None, rocm="7.2")


@dataclass(frozen=True)
class Word:
    """What torch says of itself."""

    is_usable: bool = True
    architectures: tuple[str, ...] = ()
    error: str = ""


def reading(
    capability: tuple[int, int] | None = (9, 0), cuda: str | None = "13.0", driver: str = "580.65"
) -> GpuReading:
    return GpuReading((Gpu(0, "A GPU", "GPU-1", compute_capability=capability),), driver, cuda)


def test_a_build_that_fits_has_no_problem() -> None:
    fit = judge(ONE_GPU, CUDA_TORCH)
    assert (fit.is_usable, fit.problem, fit.fix, fit.wheels) == (True, "", "", "")


@pytest.mark.parametrize(
    ("built", "driver", "newest", "oldest", "wheels"),
    [
        ("13.0", "550.54.14", "12.4", "580.65.06", "https://download.pytorch.org/whl/cu126"),
        ("13.0", "525.60.13", "12.0", "580.65.06", "https://download.pytorch.org/whl/cu126"),
        ("13.2", "550.54.14", "12.4", "580.65.06", "https://download.pytorch.org/whl/cu126"),
        ("13.0", "570.26", "12.8", "580.65.06", "https://download.pytorch.org/whl/cu126"),
        ("12.6", "470.82", "11.4", "525.60.13", ""),
        ("11.8", "440.33", "10.2", "450.80.02", ""),
    ],
)
def test_a_driver_that_is_too_old_is_named_with_the_least_that_would_do(
    built: str, driver: str, newest: str, oldest: str, wheels: str
) -> None:
    fit = judge(reading((8, 0), newest, driver), TorchBuild("2.13.0", built, None))
    assert not fit.is_usable
    assert driver in fit.problem
    assert f"CUDA {built}" in fit.problem
    assert oldest in fit.fix
    assert fit.wheels == wheels


def test_a_newer_build_of_the_same_major_version_works() -> None:
    assert judge(reading(cuda="13.0"), TorchBuild("2.13.0+cu132", "13.2", None)).is_usable


def test_a_driver_that_names_no_cuda_is_judged_by_its_number() -> None:
    assert not judge(reading(cuda=None, driver="525.10"), CUDA_TORCH).is_usable
    assert judge(reading(cuda=None, driver="590.10"), CUDA_TORCH).is_usable
    assert judge(reading(cuda=None, driver="of today"), CUDA_TORCH).is_usable  # torch will say


@pytest.mark.parametrize(("build", "word"), [(CPU_TORCH, "cpu build"), (ROCM_TORCH, "ROCm 7.2")])
def test_another_kind_of_build_beside_an_nvidia_gpu_is_told_with_the_one_that_fits(
    build: TorchBuild, word: str
) -> None:
    fit = judge(ONE_GPU, build)
    assert not fit.is_usable
    assert word in fit.problem
    assert fit.wheels == "https://download.pytorch.org/whl/cu130"


def test_builds_beside_an_amd_gpu_or_none() -> None:
    assert "not built for AMD" in without_nvidia(["Radeon"], CUDA_TORCH)
    assert without_nvidia(["Radeon"], ROCM_TORCH) == ""
    assert "no AMD GPU" in without_nvidia([], ROCM_TORCH)
    assert without_nvidia([], CPU_TORCH) == without_nvidia(["Radeon"], None) == ""


def test_a_gpu_that_is_too_old_for_the_compiler_gets_an_older_build() -> None:
    fit = judge(reading((7, 0)), CUDA_TORCH)
    assert "compute capability 7.0" in fit.problem
    assert fit.wheels == "https://download.pytorch.org/whl/cu126"


def test_a_gpu_that_is_too_new_for_the_compiler_gets_a_newer_build() -> None:
    fit = judge(reading((12, 0)), TorchBuild("2.13.0+cu126", "12.6", None))
    assert "compute capability 12.0" in fit.problem
    assert fit.wheels == "https://download.pytorch.org/whl/cu130"


def test_a_gpu_that_no_build_knows_says_so() -> None:
    fit = judge(reading((3, 0)), CUDA_TORCH)
    assert "no build" in fit.fix
    assert fit.wheels == ""


def test_torchs_own_list_of_architectures_goes_before_the_compilers() -> None:
    word = Word(architectures=("sm_80", "sm_90"))
    assert judge(ONE_GPU, CUDA_TORCH, word).is_usable
    fit = judge(reading((12, 0)), CUDA_TORCH, word)
    assert "sm_80, sm_90 only" in fit.problem


def test_what_torch_says_itself_is_the_last_word() -> None:
    fit = judge(ONE_GPU, CUDA_TORCH, Word(is_usable=False, error="CUDA unknown error"))
    assert not fit.is_usable
    assert "CUDA unknown error" in fit.problem


def test_machine_code_counts_within_its_generation_and_ptx_beyond() -> None:
    assert covers(["sm_80"], (8, 6))
    assert not covers(["sm_86"], (8, 0))
    assert not covers(["sm_80"], (9, 0))
    assert covers(["compute_80"], (12, 0))
    assert not covers(["compute_90"], (8, 9))
    assert covers(["sm_120"], (12, 1))
    assert covers(["sm_90a"], (9, 0))
    assert not covers(["gfx90a", ""], (9, 0))


@given(
    driver=st.tuples(st.integers(9, 15), st.integers(0, 9)),
    capability=st.none() | st.tuples(st.integers(3, 13), st.integers(0, 9)),
    built=st.sampled_from([None, "11.8", *(build.cuda for build in BUILDS)]),
)
def test_a_build_that_is_offered_fits(
    driver: tuple[int, int], capability: tuple[int, int] | None, built: str | None
) -> None:
    found = reading(capability, f"{driver[0]}.{driver[1]}", "999.1")
    fit = judge(found, TorchBuild("2.13.0", built, None))
    assert fit.is_usable is (fit.problem == "")
    if fit.wheels:
        offered = next(build.cuda for build in BUILDS if build.wheels == fit.wheels)
        assert judge(found, TorchBuild("2.13.0", offered, None)).is_usable
        assert judge(found, TorchBuild(f"2.13.0+cu{offered.replace('.', '')}", offered, None)).is_usable


@pytest.mark.parametrize(
    ("driver", "capability", "offered"),
    [
        ("13.2", (9, 0), "13.0"),  # 13.2 is experimental in torch 2.13
        ("13.1", (12, 1), "13.0"),
        ("13.0", (10, 3), "13.0"),
        ("13.0", (11, 0), "13.0"),
        ("13.0", (7, 5), "13.0"),
        ("13.0", (7, 0), "12.6"),
        ("13.2", (6, 1), "12.6"),
        ("12.0", (8, 9), "12.6"),
        ("12.9", (12, 0), None),  # no build for CUDA 12 has code for Blackwell
        ("11.8", (8, 0), None),
        ("13.0", (3, 7), None),
    ],
)
def test_the_build_that_is_offered_is_one_of_torch_2_13(
    driver: str, capability: tuple[int, int], offered: str | None
) -> None:
    assert matching_build(driver, [capability]) == offered


def test_gpus_of_two_generations_get_the_build_that_knows_both() -> None:
    assert matching_build("13.0", [(7, 0), (9, 0)]) == "12.6"
    assert matching_build("13.0", [(7, 0), (12, 0)]) is None


def test_a_published_build_is_judged_by_its_own_architectures() -> None:
    old = judge(reading((12, 0)), TorchBuild("2.13.0+cu126", "12.6", None))
    assert "has code for sm_50, sm_60, sm_70, sm_75, sm_80, sm_86, sm_90 only" in old.problem
    own = judge(reading((12, 0)), TorchBuild("2.13.0+mine", "12.6", None))
    assert "cannot compile for it" in own.problem


def test_the_table_is_that_of_the_torch_that_is_installed() -> None:
    assert version("torch").startswith("2.13."), "compare the sources again, and change the table"


def test_an_xpu_build_is_not_called_a_cpu_build() -> None:
    xpu = TorchBuild("2.13.0+xpu", None, None, "20250302")
    assert xpu.variant == "xpu"
    assert "an xpu build for Intel's GPUs" in judge(ONE_GPU, xpu).problem


def test_without_a_known_driver_no_build_is_offered() -> None:
    assert matching_build(None) is None
    assert judge(replace(ONE_GPU, cuda_version=None, driver_version=None), CPU_TORCH).wheels == ""
