"""How the pages become a site: ``make docs``."""

import re

from sphinx.application import Sphinx

project = "nlp-pipeline"
extensions = ["myst_parser"]
source_suffix = {".md": "markdown"}
myst_heading_anchors = 4
highlight_language = "none"
html_theme = "furo"
html_title = "nlp-pipeline"
html_use_index = False
html_copy_source = False
html_show_copyright = False
html_show_sphinx = False


def _contents(_app: Sphinx, page: str, source: list[str]) -> None:
    """Make the site's navigation of the lists in ``index.md``, which are lists of links elsewhere."""
    if page != "index":
        return
    for section in source[0].split("\n## ")[1:]:
        pages = "\n".join(re.findall(r"^- \[.+?\]\((.+?)\.md\)", section, re.MULTILINE))
        source[0] += f"\n```{{toctree}}\n:hidden:\n:caption: {section.splitlines()[0]}\n\n{pages}\n```\n"


def setup(app: Sphinx) -> None:
    """Called by Sphinx."""
    app.connect("source-read", _contents)
