"""Demonstrations: what a picture that teaches shows, computed exactly on the user's own data.

``demonstrate.NAME(…)`` returns a record of arrays that says its lesson in a sentence (`says`), in
words for who cannot see it (`alt`), and draws it (`plot`); ``plot_NAME`` takes the record or the
data. The names are those of ``language/families.py``, one file each here and in
``plots/demonstrations``. ``demonstrate.page(…)`` is a page to play with.
"""

from __future__ import annotations

from importlib import import_module

from bayesreg.language.families import PICTURES
from bayesreg.verbs.demonstrate.page import Page, page
from bayesreg.verbs.demonstrate.record import Record, door

__all__ = ["Page", "Record", "page", *PICTURES, *(f"plot_{name}" for name in PICTURES)]  # noqa: PLE0604

for _name in PICTURES:
    _compute = getattr(import_module(f"bayesreg.verbs.demonstrate.{_name}"), _name)
    globals().update({_name: _compute, f"plot_{_name}": door(_compute)})
