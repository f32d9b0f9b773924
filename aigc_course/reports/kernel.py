"""The kernel of a run: IPython's, which ends when the process that started it does.

ipykernel looks once a second whether its parent is still there, but only once it has started,
and only if orphans become children of process 1; on Linux the system itself can see to it.
"""

from __future__ import annotations

import atexit
import ctypes
import os
import signal
import sys

PR_SET_PDEATHSIG = 1


def die_with_parent(parent: int) -> None:
    """Have this process killed when its parent ends; end at once if that has happened.

    Args:
        parent: the process that started this one.
    """
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != parent:
            os._exit(1)


if __name__ == "__main__":
    die_with_parent(int(os.environ.get("JPY_PARENT_PID", os.getppid())))
    from ipykernel.kernelapp import IPKernelApp

    from aigc_course.reports.shell import RunKernel

    IPKernelApp.launch_instance(kernel_class=RunKernel)
    # Libraries such as TensorFlow take a second to put their memory in order before the process,
    # and all of it, is gone. What the notebook itself asked to be done at the end is done.
    atexit._run_exitfuncs()
    os._exit(0)
