"""Questions with feedback for every option: a widget where there is one, folded text elsewhere.

Every chapter and every workbook notebook closes with such a quiz; `questions` reads what it asks.

Only what ipywidgets 7.7.1 has is used, because that is what Colab runs.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from aigc_course.checks.feedback import announced, prose
from aigc_course.checks.questions import Question, questions_of
from aigc_utils.runtime import in_notebook

if TYPE_CHECKING:
    import ipywidgets

NOTHING_SAID = '<div role="status"></div>'


class Quiz:
    """Questions that answer back; see `quiz`.

    Attributes:
        questions: what is asked.
    """

    def __init__(self, questions: Sequence[Question]):
        if not questions:
            raise ValueError("The quiz has no questions: give at least one.")
        self.questions = tuple(questions)

    def widget(self) -> ipywidgets.VBox:
        """A new widget: buttons, and under each question what is said of the choice."""
        import ipywidgets

        from aigc_utils.widgets import naming

        wide = ipywidgets.Layout(width="auto")
        rows = []
        for number, question in enumerate(self.questions, 1):
            title = ipywidgets.HTML(f"<b>{number}.</b> {prose(question.text)}")
            # A radio button's label is plain text, so the marks of code would show.
            labels = [(option.replace("`", ""), option) for option in question.options]
            buttons = ipywidgets.RadioButtons(options=labels, value=None, layout=wide)
            said = ipywidgets.HTML(NOTHING_SAID)
            buttons.observe(_answering(question, said), names="value")
            rows.append(ipywidgets.VBox([title, buttons, said], layout=wide))
        return ipywidgets.VBox([*rows, naming()], layout=wide)

    def text(self) -> str:
        """The questions and options in plain text, the answers after all of them."""
        asked, answers = [], []
        for number, question in enumerate(self.questions, 1):
            letters = dict(zip("abcdefgh", question.options, strict=False))
            asked += [f"{number}. {question.text}", *(f"   {k}) {o}" for k, o in letters.items())]
            answers += [f"{number}{k}) {question.feedback(o)}" for k, o in letters.items()]
        return "\n".join([*asked, "", "Answers:", *answers])

    def markdown(self) -> str:
        """The same as Markdown with the answers folded, for pages that run nothing."""
        parts = []
        for number, question in enumerate(self.questions, 1):
            options = "\n".join(f"- {option}" for option in question.options)
            said = "\n".join(f"- *{o}* {question.feedback(o)}" for o in question.options)
            folded = f"<details><summary>Answer</summary>\n\n{said}\n\n</details>"
            parts.append(f"**{number}.** {question.text}\n\n{options}\n\n{folded}")
        return "\n\n".join(parts)

    def __repr__(self) -> str:
        return f"Quiz({len(self.questions)} questions)"

    def _repr_html_(self) -> str:
        parts = []
        for number, question in enumerate(self.questions, 1):
            options = "".join(f"<li>{prose(o)}</li>" for o in question.options)
            said = "".join(
                f"<li><i>{prose(o)}</i> {prose(question.feedback(o))}</li>"
                for o in question.options
            )
            folded = f"<details><summary>Answer</summary><ul>{said}</ul></details>"
            parts.append(
                f"<p><b>{number}.</b> {prose(question.text)}</p><ul>{options}</ul>{folded}"
            )
        return "\n".join(parts)

    def _ipython_display_(self) -> None:
        """The live widget, with the folded text for front ends that have no widgets."""
        if not in_notebook():
            print(self.text())
            return
        from IPython.display import display

        shown = {"text/plain": self.text(), "text/html": self._repr_html_()}
        view = {"version_major": 2, "version_minor": 0, "model_id": self.widget().model_id}
        display({**shown, "application/vnd.jupyter.widget-view+json": view}, raw=True)


def quiz(questions: str | Sequence[Question]) -> Quiz:
    """A quiz, from questions or by name.

    Names are those of the chapters' notebooks, such as "04_vae_math", and the prefixes of the
    workbook's exercises, such as "vae". As the last expression of a notebook's cell it shows
    itself: as a widget in a live kernel, elsewhere as text with the answers folded.

    Raises:
        ValueError: if there is no such quiz, its file is wrong, or there are no questions.
    """
    if isinstance(questions, str):
        questions = questions_of(questions)
    return Quiz(questions)


def _answering(question: Question, said: ipywidgets.HTML):
    """What happens when an option is chosen: its feedback is put under the question."""

    def answer(change) -> None:
        option = change["new"]
        if option is None:
            said.value = NOTHING_SAID
            return
        state = "right" if option == question.answer else "wrong"
        said.value = announced(state, prose(question.feedback(option)))

    return answer
