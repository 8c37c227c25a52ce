"""Makes a build of componentize-py answer like the one before: what it gets of the system's entropy is always the same.

componentize-py starts Python when it builds, and keeps it as it is then. Python draws a seed for the hashes of its strings at
its start, and with it the order of every set of strings. There is no option for it, so the entropy itself is taken away, in
this one process: Python imports this module before anything else, and it writes another function over the C library's
``getrandom``. Nothing secret comes of a build.
"""

import ctypes
import mmap
import platform
import sys

#: Fills a buffer with the byte 0x5a and returns its length. Threads call it that could not call Python.
CODE = {
    # mov rcx, rsi; mov al, 0x5a; rep stosb; mov rax, rsi; ret
    "x86_64": "4889f1 b05a f3aa 4889f0 c3",
    # mov x3, x1; mov w4, #0x5a; 1: cbz x1, 2f; strb w4, [x0], #1; sub x1, x1, #1; b 1b; 2: mov x0, x3; ret
    "aarch64": "e30301aa 440b8052 810000b4 04140038 210400d1 fdffff17 e00303aa c0035fd6",
}


def overwrite(function: str, code: bytes) -> None:
    """Writes machine code over a function of the C library."""
    libc = ctypes.CDLL(None, use_errno=True)
    address = ctypes.cast(getattr(libc, function), ctypes.c_void_p).value or 0
    first = address // mmap.PAGESIZE * mmap.PAGESIZE
    length = address + len(code) - first
    for protection in (mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC, mmap.PROT_READ | mmap.PROT_EXEC):
        if libc.mprotect(ctypes.c_void_p(first), ctypes.c_size_t(length), protection) != 0:
            raise OSError(ctypes.get_errno(), f"`{function}` cannot be replaced")
        if protection & mmap.PROT_WRITE:
            ctypes.memmove(address, code, len(code))


try:
    overwrite("getrandom", bytes.fromhex(CODE[platform.machine()]))
except Exception as error:
    # Only the order of sets of strings is another in each build; each build repeats itself all the same.
    print(f"sets of strings will have another order in each build: {error!r}", file=sys.stderr)
