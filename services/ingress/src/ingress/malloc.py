"""Memory that the system gets back once bodies are gone.

glibc raises the size from which a block is the system's own each time that a larger one is freed,
up to 32 MiB; from then on bodies of 3 MB leave holes in the heap (mallopt(3), M_MMAP_THRESHOLD).
"""

import ctypes

M_MMAP_THRESHOLD = -3
LARGE_BYTES = 128 << 10  # glibc's first value; set, it stays


def give_back_large_blocks() -> None:
    """Nothing happens where the C library is another."""
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(M_MMAP_THRESHOLD, LARGE_BYTES)
