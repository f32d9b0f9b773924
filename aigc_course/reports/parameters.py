"""Typed parameters: what a notebook's ``parameters`` cell allows, read without executing it.

A parameter is one annotated line; its comment is its help, and square brackets at the end
of the comment limit its values::

    LATENT_DIM: int = 16  # latent dimensions [1 to 512]
    DECODER: str = "bernoulli"  # what a pixel is drawn from [one of: bernoulli, gaussian]
    LEARNING_RATE: float = 0.004  # the peak of the schedule [more than 0 and at most 1]
    HIDDEN_UNITS: list[int] = [256, 128]  # widths of the hidden layers [each 1 to 4096]

Types: ``bool``, ``int``, ``float``, ``str``, ``Literal[...]``, ``list``, ``tuple`` and ``dict``
with or without the type of what is inside, and any of these ``| None``. The limits are comments
because an annotation is evaluated where the cell runs: in Jupyter, Colab and papermill the cell
needs no import. The grammar of a limit, with ``each`` in front for what is inside a container::

    one of: A, B, C
    a path           (of a file or folder whose contents belong to what decides the results)
    A to B | at least A | more than A | at most B | less than B      (joined by "and")
"""

from __future__ import annotations

import ast
import difflib
import io
import re
import tokenize
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from pydantic import TypeAdapter

from aigc_course.reports import kinds
from aigc_course.reports.notation import as_json, shown, split, unquote


class ParameterError(ValueError):
    """Values that a template does not take; one line for each problem.

    Attributes:
        problems: the sentences, each naming its parameter.
    """

    def __init__(self, problems: Iterable[str]):
        self.problems = tuple(problems)
        super().__init__("\n".join(self.problems))


@dataclass(frozen=True)
class Parameter:
    """One parameter of a template.

    Attributes:
        name: as in the notebook.
        annotation: its type, as written there.
        default: the value when none is given.
        help: the comment beside it, without the limit.
        wanted: what may be given, in words.
        paths: whether it is a path, or holds paths. One that is given is relative to the folder
            at hand, and becomes absolute; the template's own is relative to the template.
    """

    name: str
    annotation: str
    default: Any
    help: str
    wanted: str
    paths: bool
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
            ValueError: if it is of another type, or out of range.
        """
        # NumPy's scalars and arrays, of which a sweep in Python is often made.
        if hasattr(value, "dtype") and hasattr(value, "tolist"):
            value = value.tolist()
        if self.paths and isinstance(value, str) and value == self.default == "":
            return value  # no path at all, as in the template
        return self._adapter.validate_python(value)

    def refusal(self, value: Any) -> str:
        """The sentence that says why ``value`` is not taken."""
        return f"{self.name} is {shown(value)}: give {self.wanted}."


@dataclass(frozen=True)
class Parameters(Mapping[str, Parameter]):
    """All parameters of a template, by name, in the order of the cell."""

    template: str
    items_: tuple[Parameter, ...]

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
        full = {name: parameter.default for name, parameter in self.items()}
        problems = []
        for name, value in values.items():
            if name not in full:
                problems.append(self.unknown(name))
                continue
            parameter = self[name]
            try:
                if texts and isinstance(value, str):
                    value = parameter.parse(value)
                full[name] = parameter.check(value)
            except (ValueError, RecursionError, OverflowError):
                problems.append(parameter.refusal(value))
        if problems:
            raise ParameterError(problems)
        return full

    def unknown(self, name: Any) -> str:
        """The sentence for a name that this template does not have, with the nearest one."""
        sentence = f"There is no parameter {shown(name)} in {self.template}"
        if not self.items_:
            return f"{sentence}, which takes none: leave it out."
        near = difflib.get_close_matches(str(name).upper(), [n.upper() for n in self], 1, 0.5)
        if near:
            return f"{sentence}: did you mean {next(n for n in self if n.upper() == near[0])}?"
        return f"{sentence}: choose from {', '.join(self)}."

    def changed(self, full: Mapping[str, Any]) -> dict[str, Any]:
        """Those values of a full set, checked once or read from JSON, that are not the defaults."""
        defaults = {name: as_json(parameter.default) for name, parameter in self.items()}
        return {n: value for n, value in full.items() if as_json(value) != defaults.get(n)}


def read_parameters(source: str, template: str) -> Parameters:
    """Read a ``parameters`` cell; nothing in it is executed.

    Args:
        source: the cell's text.
        template: what messages call the notebook.

    Raises:
        ValueError: if a line is no parameter, or its type, default or limit cannot be read.
    """
    where = f"The parameters cell of {template}"
    try:
        statements = ast.parse(source).body
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        line = getattr(error, "lineno", None) or "?"
        raise ValueError(f"{where} is not Python (line {line}): mend it.") from None
    comments = {
        token.start[0]: token.string.lstrip("# ").strip()
        for token in tokenize.generate_tokens(io.StringIO(source).readline)
        if token.type == tokenize.COMMENT
    }
    found: dict[str, Parameter] = {}
    for statement in statements:
        match statement:
            case ast.ImportFrom(module="typing") | ast.Expr(value=ast.Constant()):
                continue  # for Literal; a remark in quotes
            case ast.AnnAssign(target=ast.Name(id=name), value=ast.expr()):
                parameter = _parameter(statement, comments.get(statement.end_lineno, ""), where)
            case ast.Assign(targets=[ast.Name(id=name)]):
                raise ValueError(
                    f"{where} gives {name} no type: write {name}: int = ..., for example."
                )
            case _:
                raise ValueError(
                    f"{where} has a line {statement.lineno} that is no parameter: "
                    f"move it to another cell."
                )
        if name in found:
            raise ValueError(f"{where} has {name} twice: remove one.")
        found[name] = parameter
    return Parameters(template, tuple(found.values()))


def parameter_table(parameters: Parameters) -> str:
    """All parameters as text: name, type, default, help and what may be given."""
    if not parameters:
        return f"{parameters.template} takes no parameters."
    lines = [f"Parameters of {parameters.template}:", ""]
    for parameter in parameters.values():
        default = shown(parameter.default)
        lines.append(f"  {parameter.name}: {parameter.annotation} = {default}")
        text = f"{parameter.help}. " if parameter.help else ""
        lines.append(f"      {text}Give {parameter.wanted}.")
    return "\n".join(lines)


def parse_assignments(parameters: Parameters, assignments: Sequence[str]) -> dict[str, Any]:
    """What ``-p NAME=VALUE`` options give: the values of these names, checked.

    Raises:
        ParameterError: naming every problem at once.
    """
    values: dict[str, Any] = {}
    problems = []
    for assignment in assignments:
        name, equals, text = assignment.partition("=")
        if not equals:
            problems.append(f"{shown(assignment)} has no value: write NAME=VALUE.")
        elif name in values:
            problems.append(f"{name} is given twice: leave one out.")
        elif name not in parameters:
            problems.append(parameters.unknown(name))
        else:
            values[name] = text
    for name, text in values.items():
        try:
            parameters.check({name: text}, texts=True)
        except ParameterError as error:
            problems += error.problems
    if problems:
        raise ParameterError(problems)
    full = parameters.check(values, texts=True)
    return {name: full[name] for name in values}


def parse_grid(parameters: Parameters, assignments: Sequence[str]) -> dict[str, list[Any]]:
    """What ``--grid NAME=A,B,C`` options give: the values of each name, checked.

    Commas inside brackets or quotes do not part values: ``HIDDEN_UNITS=[256,128],[64]``.

    Raises:
        ParameterError: naming every problem at once.
    """
    grid: dict[str, list[Any]] = {}
    problems = []
    for assignment in assignments:
        name, equals, text = assignment.partition("=")
        if not equals or not text.strip():
            problems.append(f"{shown(assignment)} has no values: write NAME=A,B,C.")
        elif name in grid:
            problems.append(f"{name} is given twice: write {name}=A,B,C once.")
        elif name not in parameters:
            problems.append(parameters.unknown(name))
        else:
            grid[name] = []
            for part in split(text):
                try:
                    grid[name].append(parameters.check({name: unquote(part)}, texts=True)[name])
                except ParameterError as error:
                    problems += error.problems
    if problems:
        raise ParameterError(problems)
    return grid


def _parameter(statement: ast.AnnAssign, comment: str, where: str) -> Parameter:
    name = statement.target.id
    annotation = ast.unparse(statement.annotation)
    try:
        default = ast.literal_eval(statement.value)
    except (ValueError, TypeError, SyntaxError, RecursionError, MemoryError):
        raise ValueError(f"{where} gives {name} no plain value: write it out.") from None
    text, bracket = re.fullmatch(r"(.*?)\s*(?:\[([^\[\]]*)\])?", comment, re.DOTALL).groups()
    try:
        limit = (
            kinds.read_limit(bracket)
            if bracket is not None
            else kinds.usual_limit(name, annotation, default)
        )
        kind = kinds.read_kind(statement.annotation, limit)
    except ValueError as error:
        raise ValueError(f"{where}: {name} {error}") from None
    parameter = Parameter(
        name,
        annotation,
        default,
        text.rstrip(" .;:,"),
        kind.one,
        limit is not None and limit.path,
        kind.parse,
        TypeAdapter(kind.type),
    )
    if parameter.paths:
        return parameter  # what it points to may not be there yet
    try:
        return replace(parameter, default=parameter.check(default))
    except (ValueError, RecursionError, OverflowError):
        raise ValueError(f"{where}: by default {parameter.refusal(default)}") from None
