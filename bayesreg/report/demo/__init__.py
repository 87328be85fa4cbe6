"""The page to play with: one file that computes and draws two coefficients by its own script.

``script.js`` has the arithmetic, as functions of the moments alone, and the drawing; ``style.css``
comes after the style of reports; ``page.html.jinja`` is what stands around both.
"""

from __future__ import annotations

from typing import Any

from bayesreg.report.page import environment, source_of
from bayesreg.report.records import inert_json
from bayesreg.report.target import HTML_HEAD


def script() -> str:
    """The page's own script, to be run elsewhere too: without a document it draws nothing."""
    return source_of("demo/script.js")


def html(data: dict[str, Any], *, title: str, says: str, source: str, version: str) -> str:
    """Fill the template.

    Parameters
    ----------
    data : dict
        What the script reads: names, moments, where the sliders start.
    title, says, source : str
        The heading, the sentence below it, and the last line.
    version : str
        Of bayesreg.

    Returns
    -------
    str
        HTML5 in UTF-8; what came from outside is escaped, here and by the script.
    """
    from markupsafe import Markup

    template = environment(autoescape=True).get_template("demo/page.html.jinja")
    return str(
        template.render(
            head=Markup(HTML_HEAD),
            version=version,
            title=title,
            says=says,
            source=source,
            names=data["names"],
            standardized=data["standardized"],
            style=Markup(source_of("page.css") + source_of("demo/style.css")),
            script=Markup(script()),
            data=Markup(inert_json(data)),
        )
    )
