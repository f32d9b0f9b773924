"""How cells run in the kernel of a run: `exit()` ends the notebook there, and it is known where.

In Jupyter ``exit()`` answers that all is well and ends the kernel a moment later, in the middle of
whatever cell comes next. In a run it means what it means in a script: nothing after it is done.
"""

from __future__ import annotations

import sys
import warnings
from pathlib import Path
from typing import Any

from ipykernel.ipkernel import IPythonKernel
from ipykernel.zmqshell import ZMQInteractiveShell
from IPython.core.autocall import ExitAutocall
from traitlets import Instance, Type, default

from aigc_course.reports import watch
from aigc_course.reports.marks import BEGUN, ENDED, EndedEarly, mark

# IPython would add to each `sys.exit` how to leave a terminal.
warnings.filterwarnings("ignore", message="To exit: use")


class Exit(ExitAutocall):
    """What cells know as ``exit`` and ``quit``."""

    def __call__(self, code: Any = None, keep_kernel: bool = False) -> None:
        """As `sys.exit`; ``keep_kernel`` is IPython's own, and means nothing here."""
        raise SystemExit(code)


class RunShell(ZMQInteractiveShell):
    """IPython's shell, in which a successful `SystemExit` is no error."""

    exiter = Instance(ExitAutocall)
    ended_early = False  # by the cell that runs now, or by a magic command in it

    @default("exiter")
    def _default_exiter(self) -> Exit:
        return Exit(self)

    def ask_exit(self) -> None:
        """End the notebook here."""
        raise SystemExit

    async def run_code(self, code_obj, result=None, *, async_: bool = False) -> bool:
        """As IPython's; an early end is told from an exit with an error."""
        failed = await super().run_code(code_obj, result, async_=async_)
        if result is not None and _is_success(result.error_in_exec):
            result.error_in_exec = EndedEarly()
            self.ended_early = True
        return failed

    def showtraceback(self, *arguments, **options) -> None:
        """As IPython's, but for an early end, which is none to be shown."""
        if not _is_success(sys.exc_info()[1]):
            super().showtraceback(*arguments, **options)


class RunKernel(IPythonKernel):
    """IPython's kernel, which marks where it is, so that this is known when it has been killed."""

    shell_class = Type(RunShell)

    def start(self) -> None:
        """As IPython's; from here on is noted what the cells do with files."""
        super().start()
        watch.begin(Path(self.parent.abs_connection_file).parent)

    async def do_execute(self, *arguments, **options) -> dict[str, Any]:
        """As IPython's; a cell that has the kernel end soon has ended the notebook."""
        folder = Path(self.parent.abs_connection_file).parent
        self.shell.ended_early = False
        mark(folder, BEGUN)
        try:
            reply = await super().do_execute(*arguments, **options)
        finally:
            mark(folder, ENDED)
        if reply["status"] == "ok" and (self.shell.ended_early or self.shell.exit_now):
            error = {"ename": EndedEarly.__name__, "evalue": "", "traceback": []}
            reply |= {"status": "error", **error}
        return reply


def _is_success(error: BaseException | None) -> bool:
    """Whether Python itself would end with exit code 0: for None, 0 and False, not for a text."""
    if not isinstance(error, SystemExit):
        return False
    return error.code is None or (isinstance(error.code, int) and error.code == 0)
