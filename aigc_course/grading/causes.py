"""What is said of an exception: our words (grader.py says of time, sandbox.py of memory).

Names appear only if they are Python's or stand in the submission's own code. Nothing here runs
any of it: it is read as text and as a tree.
"""

from __future__ import annotations

import ast
import builtins
import re
import warnings
from collections.abc import Iterable

from aigc_course.grading.plain import plain_text

MAX_SOURCE = 100_000  # characters of a cell that is looked into
_KNOWN = {
    *(
        name
        for name, kind in vars(builtins).items()
        if isinstance(kind, type) and issubclass(kind, BaseException)
    ),
    "StdinNotImplementedError", "UsageError", "LinAlgError", "URLError", "HTTPError",
    "JSONDecodeError", "CalledProcessError", "TimeoutExpired", "UnsupportedOperation",
    "AxisError", "InvalidArgumentError", "ResourceExhaustedError",
}  # fmt: skip
_NAMES_ONE = (  # texts of Python in which a name stands, and what is said of it
    (r"name '([\w.]+)' is not defined", "`{}` is not defined"),
    (r"variable '([\w.]+)'", "`{}` has no value yet"),
    (r"No module named '([\w.]+)'", "there is no module `{}` here"),
    (r"cannot import name '([\w.]+)'", "`{}` cannot be imported"),
    (r"has no attribute '([\w.]+)'", "there is no attribute `{}`"),
)
_NAMES_NONE = (
    ("No space left on device", "no space was left"),
    ("File too large", "the file became too large"),
    ("No such file or directory", "there is no such file here"),
    ("Permission denied", "that is not permitted here"),
    ("Read-only file system", "nothing can be written there"),
)
_BINDING = re.compile(r"^[ \t]*(?:def|class)[ \t]+(\w+)|^(\w+)[ \t]*=(?!=)", re.MULTILINE)
# `%cd x`, `a = !ls` (also with lines that go on), the `%%time` over a cell, `?f` and `f?`.
_MAGIC = re.compile(
    r"^(?P<before>[ \t]*(?:\w[\w., ]*=[ \t]*)?)"
    r"(?:(?:%%?[A-Za-z]|!)(?:.*\\\n)*.*|\?.*|%?[\w.*]+\?\??[ \t]*$)",
    re.MULTILINE,
)
# What lets a cell bring its kernel down later, while another one runs.
_LATE = re.compile(
    r"_exit|kill|alarm|setitimer|Timer|[Tt]hread|Process|Popen|fork|abort|shutdown|exit_now"
    r"|stop\(|call_later|call_at|ctypes|signal|atexit|asyncio|exec\(|eval\(|__import__|import_module"
    r"|nohup|&\s*$",
    re.MULTILINE,
)
# What takes names away without saying which.
_RESET = re.compile(r"%reset|[\"']reset|\.reset\(|globals\(\)|locals\(\)|vars\(\)|user_ns")


def exception_name(name: object) -> str:
    """An exception's name with its article, if it is one of Python's or of a library of ours."""
    if not _is_known(name):
        return "an exception"
    return f"{'an' if str(name)[0] in 'AEIOU' else 'a'} {name}"


def why_stopped(name: object, says: object, source: str, sources: Iterable[str]) -> str:
    """How a cell stopped, after "Code cell 3".

    Args:
        name, says: the exception's, as the submission tells them.
        source: of the cell.
        sources: of all cells.
    """
    if name == "SystemExit":
        return "ended itself (SystemExit), and what stands below in it was not run"
    if name == "StdinNotImplementedError":
        return "stopped with a StdinNotImplementedError: nobody is there to type something in"
    detail = ""
    if name in ("SyntaxError", "IndentationError", "TabError"):
        detail = _syntax(source)
    elif _is_known(name):
        detail = _detail(str(says)[:300], sources)
    return f"stopped with {exception_name(name)}" + (f" ({detail})" if detail else "")


def names_bound(source: str) -> set[str]:
    """The names that a cell would give a meaning to, if it ran to its end."""
    tree = _tree(source)
    if tree is None:
        return {a or b for a, b in _BINDING.findall(source)}
    found = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            found.add(node.name)
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            found.add(node.id)
        elif isinstance(node, ast.alias):
            found.add((node.asname or node.name).partition(".")[0])
    return found


def names_used(source: str) -> set[str]:
    """The names that a cell reads."""
    tree = _tree(source)
    return {
        node.id
        for node in (ast.walk(tree) if tree else ())
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load)
    }


def undefined_name(name: object, says: object) -> str | None:
    """Which name an exception says not to be defined; None if it is another exception."""
    match = re.match(_NAMES_ONE[0][0], str(says)[:300]) if name == "NameError" else None
    return match[1] if match else None


def may_end_late(source: str) -> bool:
    """Whether a cell holds a word by which it could bring its kernel down after it has run."""
    return _LATE.search(source) is not None


def may_take_away(source: str, name: str) -> bool:
    """Whether a cell holds words by which it could take a name away that an earlier one gave."""
    own = re.compile(rf"(?<!\w){re.escape(name)}(?!\w)")
    for line in source.splitlines():
        if (word := re.search(r"\bdel\b", line)) and own.search(line, word.end()):
            return True
    return _RESET.search(source) is not None


def without_colab(source: str) -> str | None:
    """A cell without what exists in Colab only, such as mounting a drive; None if it has none.

    All else stays as it is written, magics included.
    """
    if len(source) > MAX_SOURCE or "colab" not in source or (tree := _tree(source)) is None:
        return None
    names: set[str] = set()
    changes: list[tuple[ast.stmt, bytes]] = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Import | ast.ImportFrom) and (ours := _of_colab(node)):
            names |= {alias.asname or alias.name.partition(".")[0] for alias in ours}
            node.names = [alias for alias in node.names if alias not in ours]
            changes.append((node, ast.unparse(node).encode() if node.names else b"pass"))
    called = [node for node in ast.walk(tree) if isinstance(node, ast.Expr)]
    changes += [(node, b"pass") for node in called if _root_name(node.value) in names]
    if not names:
        return None
    lines = source.encode().splitlines(keepends=True)
    changes.sort(key=lambda change: (change[0].lineno, change[0].col_offset))
    for node, text in reversed(changes):  # so that places in front of it stay
        first, last = node.lineno - 1, node.end_lineno - 1
        rest = lines[last][node.end_col_offset :]
        lines[first : last + 1] = [lines[first][: node.col_offset] + text + rest]
    return b"".join(lines).decode()


def _of_colab(node: ast.Import | ast.ImportFrom) -> list[ast.alias]:
    """What of an import there is in Colab only."""
    if isinstance(node, ast.Import):
        return [alias for alias in node.names if alias.name.startswith("google.colab")]
    if (node.module or "").startswith("google.colab"):
        return node.names
    return [alias for alias in node.names if (node.module, alias.name) == ("google", "colab")]


def _root_name(node: ast.expr) -> str | None:
    """The name that a call or an attribute begins with: ``a`` of ``a.b(1).c``."""
    while isinstance(node, ast.Call | ast.Attribute):
        node = node.func if isinstance(node, ast.Call) else node.value
    return node.id if isinstance(node, ast.Name) else None


def _is_known(name: object) -> bool:
    return isinstance(name, str) and name in _KNOWN


def _tree(source: str) -> ast.Module | None:
    """A cell as a tree, its magics as calls without arguments; None if it is no Python."""
    try:
        return _parsed(source)
    except (SyntaxError, ValueError, RuntimeError, MemoryError):
        return None


def _parsed(source: str) -> ast.Module:
    """The same; raises what `ast.parse` raises."""
    if len(source) > MAX_SOURCE:
        raise ValueError("The cell is too long.")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of Python, on how the submission is written
        try:
            return ast.parse(source)
        except SyntaxError:
            # Not by IPython, which reads the whole cell anew for each of its magics.
            return ast.parse(_MAGIC.sub(_as_call, source))


def _as_call(magic: re.Match) -> str:
    """Python in place of a magic, on as many lines."""
    return f"{magic['before']}get_ipython()" + "\n" * magic[0].count("\n")


def _syntax(source: str) -> str:
    """Where a cell is no Python, as our own Python sees it."""
    try:
        _parsed(source)
    except SyntaxError as error:
        odd = f": {plain_text(error.msg, 60)}" if "invalid character" in error.msg else ""
        return f"in line {error.lineno or 1}{odd}"
    except (ValueError, RuntimeError, MemoryError):
        pass
    return ""


def _detail(says: str, sources: Iterable[str]) -> str:
    """What an exception's text means, if it is one that Python writes."""
    for pattern, words in _NAMES_ONE:
        if match := re.search(pattern, says):
            own = re.compile(rf"(?<!\w){re.escape(match[1])}(?!\w)")
            if len(match[1]) <= 60 and any(own.search(source) for source in sources):
                return words.format(match[1])
    return next((words for text, words in _NAMES_NONE if text in says), "")
