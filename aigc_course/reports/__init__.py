"""Report runs: one notebook, many parameters, nothing lost.

In a notebook that is to be a template::

    from aigc_course import reports
    reports.record(nll=231.4, active_units=9)

and from outside, on the command line (`aigc run --help`) or in Python::

    run = reports.run("vae_run", {"LATENT_DIM": 8})
    runs = reports.sweep("vae_run", grid={"LATENT_DIM": [2, 8], "SEED": [0, 1, 2]})
    print(reports.compare(runs))

Importing this loads neither TensorFlow nor Jupyter; what executes notebooks is loaded by the
worker processes that do.
"""

import importlib

_HOMES = {
    "record": "results",
    "record_metrics": "results",
    "run": "sweeps",
    "sweep": "sweeps",
    "resume": "sweeps",
    "compare": "comparison",
    "load_run": "records",
    "load_runs": "history",
    "Run": "records",
    "ParameterError": "parameters",
}

__all__ = sorted(_HOMES)


def __getattr__(name: str):
    """Import what is asked for on first use."""
    if name in _HOMES:
        return getattr(importlib.import_module(f"aigc_course.reports.{_HOMES[name]}"), name)
    raise AttributeError(f"module 'aigc_course.reports' has no attribute {name!r}")


def __dir__() -> list[str]:
    return __all__
