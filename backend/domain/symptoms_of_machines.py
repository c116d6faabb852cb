"""What a machine has too little of, and what fails in it: memory, disk, limits, GPUs, libraries."""

from backend.domain.disk_room import MAKE_ROOM
from backend.domain.symptom import symptom

RESOURCES = (
    symptom(
        r"DataLoader worker .*(Bus error|shared memory)|unable to (open|allocate) shared memory"
        r"|allocate shared memory segment|unable to mmap \d+ bytes from file </torch_|insufficient shared memory",
        "shared-memory",
        "the shared memory (/dev/shm) is too small",
        "In a container give it more (--shm-size=2g), or prepare batches without helper processes.",
    ),
    symptom(
        r"(CUDA|HIP|MPS backend|XPU)\W+(error: )?out of memory|(CUBLAS|CUDNN|HIPBLAS|CUSOLVER)_STATUS_ALLOC_FAILED"
        r"|CUDA_ERROR_OUT_OF_MEMORY|cudaErrorMemoryAllocation|hipErrorOutOfMemory|Failed to CUDA calloc",
        "gpu-out-of-memory",
        "the GPU ran out of memory",
        "Take a smaller batch with more accumulation, a shorter maximum length, checkpointing or QLoRA.",
    ),
    symptom(
        r"dispatched on the CPU or the disk|offload the whole model to the disk|need an `?offload_(dir|folder)"
        r"|provide an `?offload_folder",
        "model-too-large",
        "the model does not fit on the GPU",
        "Take a smaller model or quantize it (nf4).",
    ),
    symptom(
        r"DefaultCPUAllocator: (can't|not enough)|MemoryError\b|Cannot allocate memory|std::bad_alloc"
        r"|Unable to allocate [\d.]+ [KMGTP]?iB|malloc of size \d+ failed|you tried to mmap"
        r"|DataLoader worker .*killed by signal: Killed",
        "out-of-memory",
        "the machine ran out of memory",
        "Take a smaller batch or maximum length, quantize, or close other programs, and start it again.",
    ),
    symptom(
        r"No space left on device|Not enough disk space|Disk quota exceeded"
        r"|inline_container\.cc.*unexpected pos|PytorchStreamWriter failed writing",
        "disk-full",
        "the disk is full",
        MAKE_ROOM,
    ),
    symptom(
        r"\[Errno 27\]|File too large",
        "file-too-large",
        "a limit on file sizes was reached",
        "Raise it (ulimit -f unlimited), and start it again.",
    ),
    symptom(
        r"Read-only file system|\bPermissionError\b|Permission denied|Operation not permitted",
        "not-permitted",
        "a file or folder may not be read or written",
        "Give yourself the right to it (the log names it), then start it again.",
    ),
    symptom(
        r"Too many open files",
        "too-many-files",
        "the limit on open files was reached",
        "Raise it (ulimit -n 65536), or prepare batches without helper processes.",
    ),
    symptom(
        r"can't start new thread|pthread_create|Resource temporarily unavailable",
        "too-many-processes",
        "the limit on processes and threads was reached",
        "Close other programs or raise the limit (ulimit -u), or prepare batches without helper processes.",
        is_worth_retrying=True,
    ),
    symptom(
        r"DataLoader worker \(pid(\(s\))? [\d, ]+\) (exited unexpectedly|is killed by signal)",
        "data-worker-lost",
        "a helper process that prepares batches died",
        "If it repeats, prepare batches without helper processes; the log then names the row.",
        is_worth_retrying=True,
    ),
    symptom(
        r"input/output error|Structure needs cleaning|Stale file handle|Transport endpoint is not connected",
        "disk-failed",
        "the disk or the network folder failed",
        "Look at the system's messages (dmesg); a checkpoint that was damaged is not used.",
        is_worth_retrying=True,
    ),
)

MACHINE = (
    symptom(
        r"No module named '?(?P<module>[\w.]+)|is required to read a `|requires bitsandbytes:"
        r"|requires the following packages|not found in your environment",
        "module-missing",
        "a Python module is missing",
        "Install it into the studio's environment (the log names it), then start it again.",
    ),
    symptom(
        r"cannot import name '",
        "versions-differ",
        "an installed package is of another version than expected",
        "Install the packages again with the pinned versions of constraints.txt.",
    ),
    symptom(
        r"cannot open shared object file|undefined symbol|invalid ELF header|version `?(GLIBC|CXXABI)\w*_[\d.]+' not"
        r"|not available in CPU-only version of bitsandbytes|bitsandbytes native library",
        "library-missing",
        "a compiled library is missing or does not fit",
        "Install the packages again with the pinned versions of constraints.txt.",
    ),
    symptom(
        r"No working C\+\+ compiler|Failed to find C compiler|InductorError|torch\._dynamo\.exc|triton\.\w+\.errors"
        r"|ptxas (fatal|error)",
        "kernel-not-compiled",
        "a kernel could not be compiled on this machine",
        "Switch kernels that are compiled off (speed.liger, speed.attention), or install a C++ compiler.",
    ),
    symptom(
        r"No CUDA GPUs are available|Found no NVIDIA driver|driver version is insufficient|invalid device ordinal"
        r"|no kernel image is available|Torch not compiled with CUDA|doesn't have NCCL built in"
        r"|CUDA (driver initialization failed|unknown error)|forward compatibility was attempted",
        "gpu-unusable",
        "the GPU cannot be used by the installed torch",
        "Update the driver, or install the torch that fits it; `peft-studio doctor` shows both.",
    ),
    symptom(
        r"CUDA-capable device\(s\) is/are busy|all CUDA-capable devices are busy|exclusive-process",
        "gpu-busy",
        "the GPU is held by another program",
        "End the other program (nvidia-smi names it), then start it again.",
        is_worth_retrying=True,
    ),
    symptom(
        r"device-side assert triggered|index out of range in self|Target -?\d+ is out of bounds|srcSelectDimSize",
        "index-out-of-range",
        "an index lay outside of its table, most often a token id beyond the model's vocabulary",
        "Use the tokenizer that belongs to the model.",
    ),
    symptom(
        r"EADDRINUSE|Address already in use",
        "port-taken",
        "a network port that the processes of the run share was taken",
        "Another attempt takes another port.",
        is_worth_retrying=True,
    ),
    symptom(
        r"Watchdog caught collective operation timeout|client socket has timed out|RuntimeError: Wait timeout"
        r"|Connection closed by peer|ncclRemoteError|RendezvousTimeoutError",
        "processes-apart",
        "the processes of the run lost or did not find one another",
        "If it repeats, look for the one that ended first: its message is the cause.",
        is_worth_retrying=True,
    ),
    symptom(
        r"uncorrectable ECC|unspecified launch failure|illegal memory access|fallen off the bus|CUDA error"
        r"|launch timed out|HIP error|CUDNN_STATUS|CUBLAS_STATUS|CUSOLVER_STATUS|CUSPARSE_STATUS|NCCL",
        "gpu-error",
        "the GPU or its driver failed",
        "If it repeats, look at the driver's messages (dmesg, nvidia-smi).",
        is_worth_retrying=True,
    ),
    symptom(
        r"malloc\(\): |free\(\): invalid|double free or corruption|corrupted (size vs\. prev_size|double-linked)",
        "memory-corrupted",
        "a compiled library damaged its own memory",
        "If it repeats, install the pinned versions of constraints.txt; memory may be faulty, too.",
        is_worth_retrying=True,
    ),
    symptom(
        r"\bFileNotFoundError\b|\[Errno 2\]|\bIsADirectoryError\b|File name too long",
        "file-missing",
        "a file that was named is not there",
        "Put it back or correct the path (the log names it), then start it again.",
    ),
)
