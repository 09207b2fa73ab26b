"""What one kernel may use of the machine, set by the kernel on itself before it runs any cell.

Hard limits: children inherit them and nobody below can raise them. Time and output are not limited here.
"""

from __future__ import annotations

import resource
from dataclasses import dataclass

FILE_BYTES = 1024**3  # 1 GiB: the largest file a cell may write
OPEN_FILES = 1024  # file descriptors; enough for pandas and sockets, too few to starve the machine


@dataclass(frozen=True)
class ResourceLimits:
    memory_bytes: int  # address space
    cpu_seconds: int  # of one process, over all its threads
    file_bytes: int = FILE_BYTES
    open_files: int = OPEN_FILES


def apply(limits: ResourceLimits) -> None:
    """Limit the calling process and all it starts."""
    wanted = {
        resource.RLIMIT_AS: limits.memory_bytes,
        resource.RLIMIT_CPU: limits.cpu_seconds,
        resource.RLIMIT_FSIZE: limits.file_bytes,
        resource.RLIMIT_NOFILE: limits.open_files,
        resource.RLIMIT_CORE: 0,
    }
    for kind, value in wanted.items():
        _, hard = resource.getrlimit(kind)
        allowed = value if hard == resource.RLIM_INFINITY else min(value, hard)
        resource.setrlimit(kind, (allowed, allowed))
