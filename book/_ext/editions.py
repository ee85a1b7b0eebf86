"""Two editions of one book: each page leads to the same place in the other.

The English pages are at the top of the site, the Chinese ones in its folder
``zh``, under the same names. A Chinese page has the English page's ids too,
so that one address with its ``#`` is right in both. And its search cuts
Chinese, which has no spaces, into pairs of neighbouring characters.
"""

import json
import pickle
import re
from pathlib import Path
from typing import Any

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.errors import ExtensionError
from sphinx.search.en import SearchEnglish
from sphinx.transforms import SphinxTransform

# Each language's name for itself, and the way from its pages to the others
EDITIONS = {"en": ("English", "zh/"), "zh-CN": ("中文", "../")}
# Where the English pages are, once read, as seen from a Chinese book's folder
DOCTREES = "../.doctrees"
BRACES = re.compile(r"(?s)\{.*\}")


class SameIds(SphinxTransform):
    """Give the sections of a Chinese page the ids of the English ones."""

    default_priority = 870  # Before MyST looks for what links lead to

    def apply(self, **kwargs: Any) -> None:
        name = f"{DOCTREES}/{self.env.docname}.doctree"
        english = pickle.loads(Path(self.app.confdir, name).read_bytes())
        sections = [
            list(document.findall(nodes.section))
            for document in (self.document, english)
        ]
        if len(sections[0]) != len(sections[1]):
            raise ExtensionError(
                f"{self.env.docname} has {len(sections[0])} headings in "
                f"Chinese, and {len(sections[1])} in English"
            )
        slugs = {}
        for ours, theirs in zip(*sections):
            ours["ids"] = theirs["ids"]
            self.document.ids |= dict.fromkeys(ours["ids"], ours)
            if "slug" in theirs:
                ours["slug"] = theirs["slug"]
                slugs[ours["slug"]] = (
                    ours.line,
                    ours["ids"][0],
                    ours[0].astext(),
                )
        self.document.myst_slugs = slugs
        self.env.metadata[self.env.docname]["myst_slugs"] = slugs


class SearchPairs(SearchEnglish):
    """Words of the English kind, and pairs of Chinese characters.

    The pages are found by a single character, too.
    """

    lang = "zh"
    language_name = "Chinese"
    run = re.compile(r"[\u4e00-\u9fff]+|[^\W\u4e00-\u9fff]+")
    # The same for what a reader types
    js_splitter_code = r"""
function splitQuery(query) {
  const run = /[\u4e00-\u9fff]+|(?:(?![\u4e00-\u9fff])[\p{L}\p{N}_])+/gu;
  return (query.match(run) ?? []).flatMap((run) =>
    /^[\u4e00-\u9fff]{2}/.test(run)
      ? [...run].slice(1).map((letter, i) => run[i] + letter)
      : [run]);
}
"""

    def split(self, text: str) -> list[str]:
        runs = self.run.findall(text)
        words = [word for run in runs for word in pairs(run)]
        cut = [run for run in runs if len(run) > 1 and run[0] >= "\u4e00"]
        return words + [letter for run in cut for letter in run]


def pairs(run: str) -> list[str]:
    """Return each two neighbours of Chinese letters; else ``run`` itself."""
    if len(run) < 2 or not "\u4e00" <= run[0] <= "\u9fff":
        return [run]
    return [run[i : i + 2] for i in range(len(run) - 1)]


def link_editions(
    app: Sphinx,
    page: str,
    template: str,
    context: dict[str, Any],
    doctree: nodes.document | None,
) -> None:
    """Tell the page's frame where the page is in the other edition."""
    way = EDITIONS[context["language"]][1]
    other = next(code for code in EDITIONS if code != context["language"])
    address = "../" * page.count("/") + f"{way}{page}.html"
    context["other_edition"] = {
        "address": address,
        "code": other,
        "name": EDITIONS[other][0],
    }
    link = f'<link rel="alternate" hreflang="{other}" href="{address}" />'
    # The index and the search have no other tags
    context["metatags"] = context.get("metatags", "") + f"\n{link}"


def finish(app: Sphinx, exception: Exception | None) -> None:
    """Translate what the theme can't, and let the policy permit the rest.

    Sphinx makes code of a text, to count in the language, which no policy of
    ours permits.
    """
    if exception or app.builder.name != "html":
        return
    for file in Path(app.outdir).rglob("*.html"):
        page = file.read_text(encoding="utf-8")
        for english, words in app.config.frame_words.items():
            page = page.replace(f'="{english}"', f'="{words}"')
        file.write_text(page, encoding="utf-8")
    file = Path(app.outdir, "_static/translations.js")
    catalogue = json.loads(BRACES.search(file.read_text("utf-8"))[0])
    catalogue["messages"] |= app.config.frame_words
    file.write_text(
        "Object.assign(Documentation.TRANSLATIONS, "
        f"{json.dumps(catalogue['messages'], ensure_ascii=False)});\n"
        f"Documentation.LOCALE = {json.dumps(catalogue['locale'])};\n"
        f"Documentation.PLURAL_EXPR = (n) => {catalogue['plural_expr']};\n",
        encoding="utf-8",
    )


def setup(app: Sphinx) -> dict[str, bool]:
    """Look at each page before it is written, and at Chinese ones as read."""
    app.connect("html-page-context", link_editions)
    # Words in attributes and in messages, where the theme has no good ones
    app.add_config_value("frame_words", {}, "html")
    if app.config.language != "en":
        app.add_transform(SameIds)
        app.add_search_language(SearchPairs)
        app.connect("build-finished", finish)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
