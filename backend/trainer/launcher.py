"""accelerate's launcher with our own configuration file: it starts the processes of one attempt and watches them.

Usage: python -m backend.trainer.launcher RUN_DIR, by backend.trainer.launch only.
"""

import json
import os
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

import torch
from accelerate.commands.launch import launch_command, launch_command_parser
from torch.distributed.elastic.multiprocessing.errors import ChildFailedError

from backend.domain.devices import Devices
from backend.domain.exit_record import ExitRecord
from backend.domain.run_directory import RunDirectory
from backend.errors import StudioError
from backend.executors.environment import ATTEMPT
from backend.executors.orphans import die_with_parent
from backend.store.files import replace_text
from backend.trainer import ranks
from backend.trainer.errors import DevicesMissing, LaunchFailed, StrategyUnavailable
from backend.trainer.launch import rank_record
from backend.trainer.order import read_order

RANK = "backend.trainer.rank"
BASE = {
    "compute_environment": "LOCAL_MACHINE",
    "machine_rank": 0,
    "num_machines": 1,
    "main_process_ip": "127.0.0.1",
    "main_process_port": 0,  # a free one
    "same_network": True,
    "rdzv_backend": "static",
    "main_training_function": "main",
    "mixed_precision": "no",  # the loop's own arguments say it
    "downcast_bf16": "no",
    "gpu_ids": "all",
    "debug": False,
    "enable_cpu_affinity": False,
}
FSDP = {
    "fsdp_version": 2,
    "fsdp_auto_wrap_policy": "TRANSFORMER_BASED_WRAP",
    "fsdp_reshard_after_forward": True,
    "fsdp_state_dict_type": "FULL_STATE_DICT",
    "fsdp_cpu_ram_efficient_loading": False,
    "fsdp_offload_params": False,
    "fsdp_activation_checkpointing": False,
}


def main(argv: Sequence[str]) -> int:
    """Start the processes and wait for them; 1 if one failed."""
    die_with_parent(os.getppid())
    run, number = RunDirectory(Path(argv[0])), int(os.environ[ATTEMPT])
    try:
        _launch(run)
    except ChildFailedError as error:
        codes = {rank: failure.exitcode for rank, failure in error.failures.items()}
        replace_text(rank_record(run, number, "codes"), json.dumps(codes))
        return 1
    except StudioError as error:
        return _told(error, run, number)
    except Exception as error:  # noqa: BLE001 - the outermost frame
        return _told(LaunchFailed(why=f"{type(error).__name__}: {error}"), run, number)
    return 0


def _launch(run: RunDirectory) -> None:
    """Raises ChildFailedError if a process fails."""
    file, order = run.root / "accelerate.yaml", read_order(run)
    devices = order.devices
    check(
        devices,
        num_gpus=torch.cuda.device_count(),
        is_quantized=order.quantization.name != "none",
    )
    # as JSON, which is YAML: PyYAML takes a bare `no` for false
    replace_text(file, json.dumps(launch_file(devices, has_gpu=torch.cuda.is_available()), indent=1) + "\n")
    os.environ[ranks.MARK] = str(devices.processes)
    if not torch.cuda.is_available():
        os.environ.setdefault("GLOO_SOCKET_IFNAME", "lo0" if sys.platform == "darwin" else "lo")
    arguments = ["--config_file", str(file), "--module", RANK, str(run.root)]
    launch_command(launch_command_parser().parse_args(arguments))


def _told(error: StudioError, run: RunDirectory, number: int) -> int:
    told = asdict(error.explain())
    record = ExitRecord(error.exit_code, 0, error.id, *(told[name] for name in ("what", "why", "fix")))
    replace_text(rank_record(run, number, "launcher"), record.to_json())
    return error.exit_code


def check(devices: Devices, *, num_gpus: int, is_quantized: bool = False) -> None:
    """Whether this machine can do it. Raises DevicesMissing or StrategyUnavailable."""
    why = None
    if devices.strategy == "deepspeed":
        why = "DeepSpeed keeps its state in pickles, which are programs; a run could not go on from its checkpoints."
    elif devices.strategy == "fsdp" and not num_gpus:
        why = "It shares a model out among GPUs; there is none."
    elif devices.strategy == "fsdp" and is_quantized:
        why = "Weights of 4 or 8 bits cannot be shared out."
    if why:
        raise StrategyUnavailable(strategy=devices.strategy, why=why)
    if num_gpus and num_gpus < devices.processes:
        raise DevicesMissing(processes=devices.processes, num_gpus=num_gpus)


def launch_file(devices: Devices, *, has_gpu: bool) -> dict[str, object]:
    """What accelerate is told, and nothing else: a person's own default file is not read.

    Keys: https://huggingface.co/docs/accelerate/package_reference/cli and accelerate/commands/config/config_args.py.
    MULTI_GPU with `use_cpu` is how accelerate starts several processes on a CPU without MPI.
    """
    file: dict[str, object] = BASE | {
        "distributed_type": "FSDP" if devices.strategy == "fsdp" else "MULTI_GPU",
        "num_processes": devices.processes,
        "use_cpu": not has_gpu,
    }
    return file | ({"fsdp_config": FSDP} if devices.strategy == "fsdp" else {})


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
