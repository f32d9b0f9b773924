"""Verse forms: tones and rhymes of Chinese, syllables and rhymes of English (chapter 6.2).

`forms` says what may come next, for a generator; `checker` judges what came, by rules of its
own. Neither reads the other; the masks ask both rhyme books, and the checker one of them.
"""

from aigc_apps.poetry.prosody.books import BOOKS, RhymeBook, agreed, load_book
from aigc_apps.poetry.prosody.checker import FormFault, check_form, is_regulated
from aigc_apps.poetry.prosody.forms import FORMS, PATTERNS, NamingMask, QuatrainMask, names_of
from aigc_apps.poetry.prosody.usage import narrowed

__all__ = [
    "BOOKS",
    "FORMS",
    "PATTERNS",
    "FormFault",
    "NamingMask",
    "QuatrainMask",
    "RhymeBook",
    "agreed",
    "check_form",
    "is_regulated",
    "load_book",
    "names_of",
    "narrowed",
]
