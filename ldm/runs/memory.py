"""How much memory this process has needed."""

import sys

import torch


def peak_memory_mb(device: torch.device) -> float:
    """Largest memory so far in MiB: what torch has allocated on a CUDA device, else what the process occupied."""
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device) / 2**20
    return peak_rss_mb()


def peak_reserved_mb(device: torch.device) -> float:
    """Most that torch has taken of a CUDA device so far, in MiB: what must be free there for this to run."""
    return torch.cuda.max_memory_reserved(device) / 2**20


def peak_rss_mb() -> float:
    """Largest resident set of this process so far, in MiB."""
    if sys.platform == "win32":
        import psutil

        return float(psutil.Process().memory_info().peak_wset) / 2**20
    import resource

    unit = 1 if sys.platform == "darwin" else 1024  # bytes there, KiB elsewhere
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 2**20
