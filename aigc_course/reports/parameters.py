"""Parameters: what a notebook's ``parameters`` cell allows, read without executing it.

A parameter is one line that gives a name a value; its comment is its help, and square brackets at
the end of the comment limit its values. It may state its type, and else has that of its value::

    LATENT_DIM: int = 16  # latent dimensions [1 to 512]
    DECODER: str = "bernoulli"  # what a pixel is drawn from [one of: bernoulli, gaussian]
    LEARNING_RATE: float = 0.004  # the peak of the schedule [1e-6 to 1]
    HIDDEN_UNITS: list[int] = [256, 128]  # widths [1 to 8 items, each 1 to 4096]
    trees = 100  # how many

Types: ``bool``, ``int``, ``float``, ``str``, ``Literal[...]``, ``list``, ``tuple`` and ``dict``
with or without the type of what is inside, ``Any``, and any of these ``| None``. The limits are
comments because an annotation is evaluated where the cell runs: in Jupyter, Colab and papermill
the cell needs no import; who imports it may write ``Annotated[int, "1 to 512"]``. The grammar of
a limit is that of `limits`. A comment in brackets on a line without a type may be another remark.

Other lines of the cell are code like any other (`declarations`).
"""

from __future__ import annotations

import ast
import difflib
import math
import os
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter

from aigc_course.reports import declarations, kinds, limits, places
from aigc_course.reports.notation import MOST_PARTS, as_json, is_too_large, shown

MOST_SHOWN = 20
"""Problems in the text of an error; a grid may have ten thousand."""


class ParameterError(ValueError):
    """Values that a template does not take; one line for each problem.

    Attributes:
        problems: the sentences, each naming its parameter; the text shows at most `MOST_SHOWN`.
    """

    def __init__(self, problems: Iterable[str]):
        self.problems = tuple(problems)
        lines = list(self.problems[:MOST_SHOWN])
        if more := len(self.problems) - len(lines):
            lines.append(f"There are {more:,} more such problems: mend these first.")
        super().__init__("\n".join(lines))


@dataclass(frozen=True)
class Parameter:
    """One parameter of a template.

    Attributes:
        name: as in the notebook.
        annotation: its type, as written there, or that of its value.
        default: the value when none is given.
        help: the comment beside it, without the limit.
        wanted: what may be given, in words.
        paths: whether it is a path, or holds paths. One that is given is relative to the folder
            at hand, and becomes absolute; the template's own is relative to the template.
        number: int or float, if it is one; None else.
        reference: what it names, which is checked last, when all values are known.
        is_path: whether the notebook has it as a `pathlib.Path`.
        home: the template's folder, if it is known.
    """

    name: str
    annotation: str
    default: Any
    help: str
    wanted: str
    paths: bool
    number: type | None
    reference: limits.Reference | None
    is_path: bool
    home: Path | None
    _parse: Callable[[str], Any] = field(repr=False, compare=False)
    _adapter: TypeAdapter = field(repr=False, compare=False)

    def parse(self, text: str) -> Any:
        """The value that ``text`` from a command line stands for.

        Raises:
            ValueError: if it stands for none of this type.
        """
        return self._parse(text)

    def check(self, value: Any) -> Any:
        """``value`` as this parameter's type: whole numbers become floats where asked.

        Raises:
            ValueError: if it is of another type, or out of range, or too large.
            AmbiguousPath: if it may be one of two paths.
        """
        value = self._typed(value)
        if self.paths or self.reference is not None:  # absolute already; or the name of something
            return value
        return places.from_here(value, self.default, self.home, self.is_path)

    def _typed(self, value: Any) -> Any:
        # NumPy's scalars and arrays, of which a sweep in Python is often made.
        if hasattr(value, "dtype") and hasattr(value, "tolist"):
            value = value.tolist()
        if isinstance(value, os.PathLike):
            value = os.fspath(value)
        if is_too_large(value):
            raise ValueError("too large")
        if self.paths and self._is_own(value):
            return self.default
        return self._adapter.validate_python(value)

    def refusal(self, value: Any) -> str:
        """The sentence that says why ``value`` is not taken."""
        if is_too_large(value):
            return (
                f"{self.name} has more than {MOST_PARTS:,} characters or parts: give less, or the "
                f"path of a file that the notebook reads."
            )
        wanted, more = self.wanted, ""
        if _is_endless(value) and ("number" in wanted or not isinstance(value, float)):
            if "whole number" not in wanted:  # which says it
                wanted = wanted.replace("number", "finite number", 1)
            more = "" if "number" in wanted else ", and finite numbers only"
        elif self.wanted.startswith("a text") and (
            value is None or isinstance(value, bool | int | float)
        ):
            more = ", in quotes"  # of YAML or Python; a command line has texts only
        elif self.paths and isinstance(value, str) and value.isprintable():
            more = f" (there is none at {shown(os.path.abspath(places.expanded(value)))})"
        return f"{self.name} is {shown(value)}: give {wanted}{more}."

    def _is_own(self, value: Any) -> bool:
        """Whether paths are the template's own, of a record, and lead to no others from here."""
        texts = [value] if isinstance(value, str) else value
        if not isinstance(texts, list | tuple) or not all(isinstance(t, str) for t in texts):
            return False
        if list(texts) != ([self.default] if isinstance(self.default, str) else self.default):
            return False
        return all(text == "" or places.is_at_home(text, self.home) for text in texts)


@dataclass(frozen=True)
class Parameters(Mapping[str, Parameter]):
    """All parameters of a template, by name, in the order of the cells.

    Attributes:
        template: what messages call the notebook.
        computed: what the cells compute besides, which cannot be given.
    """

    template: str
    items_: tuple[Parameter, ...]
    computed: frozenset[str] = frozenset()

    def __getitem__(self, name: str) -> Parameter:
        for parameter in self.items_:
            if parameter.name == name:
                return parameter
        raise KeyError(name)

    def __iter__(self):
        return (parameter.name for parameter in self.items_)

    def __len__(self) -> int:
        return len(self.items_)

    def check(self, values: Mapping[str, Any], *, texts: bool = False) -> dict[str, Any]:
        """The full set of values: those given, checked, and the others' defaults.

        Args:
            values: any of the parameters.
            texts: read a text as on the command line where another type is asked.

        Raises:
            ParameterError: naming every problem at once.
        """
        full, problems = {name: parameter.default for name, parameter in self.items()}, []
        for name, value in values.items():
            if name not in full:
                problems.append(self.unknown(name))
                continue
            parameter = self[name]
            try:
                if texts and isinstance(value, str):
                    value = parameter.parse(value)
                full[name] = parameter.check(value)
            except places.AmbiguousPath as error:
                problems.append(f"{name} is {error}.")
            except (ValueError, RecursionError, OverflowError):
                problems.append(parameter.refusal(value))
        if problems:
            raise ParameterError(problems)
        return full

    def unknown(self, name: Any) -> str:
        """The sentence for a name that this template does not have, with the nearest one."""
        if name in self.computed:
            return (
                f"{name} is computed in {self.template}, so it cannot be given: write a plain "
                f"value there, or give what it is computed from."
            )
        sentence = f"There is no parameter {shown(name)} in {self.template}"
        if not self.items_:
            return f"{sentence}: {declarations.HOW_TO_TAG}, or leave it out."
        near = difflib.get_close_matches(str(name).upper(), [n.upper() for n in self], 1, 0.5)
        if near:
            return f"{sentence}: did you mean {next(n for n in self if n.upper() == near[0])}?"
        return f"{sentence}: choose from {', '.join(self)}."

    def changed(self, full: Mapping[str, Any]) -> dict[str, Any]:
        """Those values of a full set, checked once or read from JSON, that are not the defaults."""
        own = {name: as_json(p.default, in_order=True) for name, p in self.items()}
        return {n: v for n, v in full.items() if as_json(v, in_order=True) != own.get(n)}


def read_parameters(
    sources: str | Sequence[str], template: str, home: Path | None = None
) -> Parameters:
    """Read the ``parameters`` cells of a notebook; nothing in them is executed.

    Args:
        sources: the cells' texts; mostly there is one.
        template: what messages call the notebook.
        home: its folder, from where its own paths are.

    Raises:
        ValueError: if a type, default or limit cannot be read, a name stands twice, or a limit
            names another parameter that there is not.
    """
    where = f"The parameters cell of {template}"
    found: dict[str, Parameter] = {}
    computed: set[str] = set()
    for source in [sources] if isinstance(sources, str) else sources:
        cell = declarations.read_cell(source, where)
        for declaration in cell.declarations:
            if declaration.name in found:
                raise ValueError(f"{where} has {declaration.name} twice: remove one.")
            found[declaration.name] = _parameter(declaration, where, home)
        computed |= {name for step in cell.steps for name in step.writes}
    for parameter in found.values():
        of = parameter.reference.of if parameter.reference else ""
        if of and of not in found:
            raise ValueError(
                f"{where}: {parameter.name} has a limit that names {of}, which is no parameter: "
                f"write the name of one."
            )
    return Parameters(template, tuple(found.values()), frozenset(computed - found.keys()))


def parameter_table(parameters: Parameters) -> str:
    """All parameters as text: name, type, default, help and what may be given."""
    if not parameters and not parameters.computed:
        return f"{parameters.template} takes no parameters: {declarations.HOW_TO_TAG}."
    lines = [f"Parameters of {parameters.template}:", ""]
    for parameter in parameters.values():
        default = shown(parameter.default)
        lines.append(f"  {parameter.name}: {parameter.annotation} = {default}")
        text = f"{parameter.help}. " if parameter.help else ""
        lines.append(f"      {text}Give {parameter.wanted}.")
    if parameters.computed:
        names = ", ".join(sorted(parameters.computed))
        lines.append(f"\nComputed in the notebook, and no parameters: {names}.")
    return "\n".join(lines)


_NO_SEEDS = {"n", "num", "number", "count", "of", "max", "min", "use"}
_SEEDED = {
    "np",
    "numpy",
    "torch",
    "tf",
    "python",
    "cuda",
    "value",
    "global",
    "base",
    "model",
    "data",
}


def is_seed(name: str, value: Any = 0) -> bool:
    """Whether a parameter of this name and value is the seed of a random generator.

    Runs that differ by it only are the same experiment, made again. Seeds are ``SEED``, ``seed``,
    ``RANDOM_SEED``, ``randomState``, ``random_state``, ``seed2``, ``np_seed`` and the like; not
    ``N_SEEDS``, and no text.

    Args:
        name: the parameter's.
        value: one of its values: a whole number or None.
    """
    if value is not None and type(value) is not int:
        return False
    if "种子" in name:
        return True
    parts = re.findall(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])", name)
    words = [part.lower() for part in parts]
    if not words or _NO_SEEDS.intersection(words):
        return False
    return (
        words[-1] in ("seed", "randomseed", "randomstate")
        or words[-2:] in (["random", "state"], ["rng", "state"])
        or (words[0] == "seed" and _SEEDED.issuperset(words[1:]))
    )


def _is_endless(value: Any) -> bool:
    """Whether a value is, or holds, infinity or not-a-number, which JSON cannot hold."""
    if isinstance(value, Mapping):
        return any(map(_is_endless, value.values()))
    if isinstance(value, list | tuple):
        return any(map(_is_endless, value))
    return isinstance(value, float) and not math.isfinite(value)


_COMMENT = re.compile(r"(.*?)\s*(?:\[([^\[\]]*)\])?", re.DOTALL)  # words, then a limit


def _parameter(declaration: declarations.Declaration, where: str, home: Path | None) -> Parameter:
    name, node = declaration.name, declaration.annotation
    try:
        default = declarations.plain_value(declaration.value)
    except ValueError:
        raise ValueError(f"{where} gives {name} no plain value: write it out.") from None
    typed = node is not None
    if not typed:
        node = kinds.annotation_of(default)
    is_path = declarations.path_text(declaration.value) is not None
    if is_path:  # ``Path`` or ``str``: what is given is a text
        node = kinds.annotation_of("")
    annotation = ast.unparse(node)
    help_, bracket = _COMMENT.fullmatch(declaration.comment).groups()
    try:
        limit = limits.usual_limit(name, annotation, default)
        if bracket is not None:
            try:
                limit = limits.read_limit(bracket)
            except ValueError:
                if typed:
                    raise
                help_ = declaration.comment  # ``days = 30  # of history [calendar days]``
        kind = kinds.read_kind(node, limit, home)
    except ValueError as error:
        raise ValueError(f"{where}: {name} {error}") from None
    telling = default not in (None, "", [], (), {}) and not isinstance(default, bool)
    telling = telling and not _is_endless(default)
    example = f", such as {shown(default)}" if telling and not typed and limit is None else ""
    parameter = Parameter(
        name=name,
        annotation="Path" if is_path else annotation,
        default=default,
        help=help_.rstrip(" .;:,"),
        wanted=f"{'a path' if is_path and limit is None else kind.one}{example}",
        paths=limit is not None and limit.path,
        number=kind.number,
        reference=limit.reference if limit else None,
        is_path=is_path,
        home=home,
        _parse=kind.parse,
        _adapter=TypeAdapter(kind.type),
    )
    if parameter.paths:
        return parameter  # what it points to may not be there yet
    try:
        checked = parameter._typed(default)  # a path of the template's own is from its own folder
    except (ValueError, RecursionError, OverflowError):
        raise ValueError(f"{where}: by default {parameter.refusal(default)}") from None
    return replace(parameter, default=checked)
