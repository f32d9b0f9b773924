"""A worker process: makes the runs that it reads from standard input, one JSON line each.

It answers in JSON lines: what happens during the run, then how it ended. When its input
ends, because the driver closed it or died, it kills its kernel and ends too, at whatever
moment: the record is then built anew by who comes next.
"""

from __future__ import annotations

import json
import os
import queue
import sys
import threading
import traceback
from typing import TextIO


def main() -> None:
    """Serve jobs until standard input ends."""
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)  # nothing that a library prints may get between the answers
    jobs: queue.SimpleQueue[bytes] = queue.SimpleQueue()
    # jsonschema, which nbformat loads, would compile a grammar of web addresses for a second.
    sys.modules.setdefault("rfc3987_syntax", None)
    from aigc_course.reports.execution import Kernels

    kernels = Kernels()
    threading.Thread(target=_serve_or_end, args=[jobs, kernels, answers], daemon=True).start()
    for line in sys.stdin.buffer:
        jobs.put(line)
    kernels.kill()
    os._exit(0)


def _serve_or_end(jobs: queue.SimpleQueue[bytes], kernels, answers: TextIO) -> None:
    """Serve; if that is over, whyever, so is the process, and the driver notices."""
    try:
        _serve(jobs, kernels, answers)
    finally:
        traceback.print_exc()
        sys.stderr.flush()
        kernels.kill()
        os._exit(70)  # EX_SOFTWARE: a mistake of ours


def _serve(jobs: queue.SimpleQueue[bytes], kernels, answers: TextIO) -> None:
    from aigc_course.reports import runner

    def say(answer: dict) -> None:
        print(json.dumps(answer), file=answers, flush=True)

    while True:
        line = jobs.get()  # as long as there is none; the process ends when its input does
        try:
            job = runner.Job.model_validate_json(line)
            record, recognised = runner.make_run(job, kernels, say)
        except (ValueError, OSError) as error:
            say({"event": "refused", "message": " ".join(str(error).split())})
        except Exception as error:  # a mistake of ours must not leave the driver waiting
            traceback.print_exc()
            say({"event": "refused", "message": f"{type(error).__name__}: {error}"})
        else:
            say(
                {
                    "event": "recognised" if recognised else "made",
                    "record": record.model_dump(mode="json"),
                }
            )


if __name__ == "__main__":
    main()
