"""A training run in one file: saved after each epoch, and gone on with after an interruption.

`aigc_utils.training.train` uses it where it is given a ``resume_dir``: chapter 5.2, `aigc train`.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import keras
import numpy as np
from pydantic import BaseModel, ConfigDict, NonNegativeInt

from aigc_utils.files import atomic_path
from aigc_utils.training_progress import History


class _Note(BaseModel):
    """What is saved beside the arrays."""

    model_config = ConfigDict(extra="forbid", strict=True)

    settings: dict[str, Any]
    history: dict[str, list[float]]
    num_variables: NonNegativeInt


class Resume(keras.callbacks.Callback):
    """Keep the whole training state in one file, replaced by renaming after each epoch.

    The file is a plain NumPy archive (nothing in it is ever executed): weights, the seed
    generators' counters, the optimizer's moments, the history and the settings. Keras's
    own ``BackupAndRestore`` writes weights and epoch number to two files in place, so a
    kill between or during the writes can lose the run; this cannot.

    Args:
        folder: where ``training-state.npz`` is kept.
        settings: what must be equal for a run to be the same run.
        history: saved and restored with the state.
    """

    def __init__(self, folder: str | os.PathLike, settings: dict, history: History):
        super().__init__()
        self.path = Path(folder) / "training-state.npz"
        # As when it is read: tuples become lists, and NumPy's numbers Python's.
        self.settings = json.loads(json.dumps(settings, default=lambda number: number.item()))
        self.history = history
        self.saved_epochs = 0

    def restore(self, model: keras.Model) -> None:
        """Put a saved state into ``model`` and the history, if there is one.

        Raises:
            ValueError: if the file is damaged, or belongs to other settings or a
                model of another shape.
        """
        if not self.path.exists():
            return
        other = f"give another resume_dir, or delete {self.path} to start anew."
        try:
            with np.load(self.path, allow_pickle=False) as archive:
                note = _Note.model_validate_json(str(archive["note"])).model_dump()
                arrays = [archive[f"variable_{i}"] for i in range(note["num_variables"])]
        except Exception as error:  # NumPy and zipfile raise fifteen kinds on changed bytes
            cause = ascii(" ".join(f"{error}".split())[:200])[1:-1]  # zipfile quotes raw bytes
            raise ValueError(f"The saved training state is damaged ({cause}): {other}") from error
        # Runs saved before these two could be chosen had them so.
        saved = {"beta_1": 0.9, "average": None, **note["settings"]}
        unequal = [name for name in self.settings if saved.get(name) != self.settings[name]]
        if unequal:
            theirs = ", ".join(f"{name} {saved.get(name)}" for name in unequal)
            ours = ", ".join(f"{name} {self.settings[name]}" for name in unequal)
            raise ValueError(f"The saved run has other settings, {theirs}, not {ours}: {other}")
        model.optimizer.build(model.trainable_variables)
        variables = self._variables(model)
        kinds = [(tuple(v.shape), np.dtype(v.dtype)) for v in variables]
        if kinds != [(array.shape, array.dtype) for array in arrays]:
            raise ValueError(f"The saved run is of a model of another shape: {other}")
        for variable, array in zip(variables, arrays, strict=True):
            variable.assign(array)
        self.history.values = note["history"]
        self.saved_epochs = self.history.num_epochs

    def on_epoch_end(self, epoch, logs=None):
        variables = self._variables(self.model)
        arrays = {f"variable_{i}": v.numpy() for i, v in enumerate(variables)}
        note = {
            "settings": self.settings,
            "history": self.history.values,
            "num_variables": len(variables),
        }
        with atomic_path(self.path) as temporary, open(temporary, "wb") as file:
            np.savez(file, note=np.array(json.dumps(note)), **arrays)
        self.saved_epochs = self.history.num_epochs

    @staticmethod
    def _variables(model: keras.Model) -> list[keras.Variable]:
        return [*model.variables, *model.optimizer.variables]
