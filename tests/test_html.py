"""The built book: whole, light, and asking no other server."""

import base64
import hashlib
import re
from pathlib import PurePosixPath
from urllib.parse import unquote, urljoin, urlsplit

import pytest
from bs4 import BeautifulSoup
from conftest import files_of_toc

# Hosts that the prose may link to; nothing is fetched from them
CITED_HOSTS = {
    "arxiv.org",  # A paper
    "doi.org",  # A paper
}

# At the start of an address, or of one in a list such as srcset's
REMOTE = re.compile(r"(?:^|[\s,])(?:https?:)?//", re.IGNORECASE)
REMOTE_CSS = re.compile(
    r"(?:url\(|@import)\s*[\"']?\s*(?:https?:)?//[^\s\"')]+", re.IGNORECASE
)
CSS_URL = re.compile(r"(?:url\(\s*[\"']?|@import\s*[\"'])(?!data:)([^\"')]+)")
# Attributes that hold prose, or the names of a language, not addresses
PROSE = {"alt", "aria-label", "content", "title"}

# The most that a page may weigh, with all that it loads, in bytes
PAGE_LIMIT = 1_500_000
# The most that a figure may weigh: the theme takes 0.95 MB of each page, the
# longest text 0.15 MB, so that one figure may have most of what is left
FIGURE_LIMIT = 350_000

# The icons drawn with each font. A browser fetches a font only for a page
# that has a sign of it, and of its formats the first, which is WOFF2
FONTS = {
    "fa-brands-400.woff2": ".fab, .fa-brands",
    "fa-regular-400.woff2": ".far, .fa-regular",
    "fa-solid-900.woff2": ".fas, .fa-solid",
}


@pytest.fixture(scope="session")
def chapters(pages):
    """The pages of the table of contents, of both editions."""
    files = [way + file for way in ("", "zh/") for file in files_of_toc()]
    return {f"{file}.html": pages[f"{file}.html"] for file in files}


def attributes(page):
    """All attributes of ``page``: triples of tag, name and value."""
    for tag in page.find_all(True):
        for name, value in tag.attrs.items():
            # Attributes such as `class` and `rel` come as lists
            yield (
                tag,
                name,
                " ".join(value) if isinstance(value, list) else value,
            )


def loads(site, address, page):
    """The files that a browser loads to show ``page``, itself among them.

    These are what the page names as a source, a style sheet or to be
    preloaded, and what its style sheets name: of fonts, only those that the
    page has icons of.
    """
    links = page.select("link[rel~=stylesheet], link[rel~=preload]")
    named = [link["href"] for link in links]
    named += [tag["src"] for tag in page.select("[src]")]
    files = {site / address}
    waiting = [(address, name) for name in named]
    while waiting:
        base, name = waiting.pop()
        target = unquote(urlsplit(urljoin(base, name)).path)
        file = site / target
        unused_font = file.suffix in (".ttf", ".woff2") and not (
            file.name in FONTS and page.select(FONTS[file.name])
        )
        if file in files or unused_font:
            continue
        files.add(file)
        if file.suffix == ".css":
            text = file.read_text(encoding="utf-8")
            waiting += [(target, url) for url in CSS_URL.findall(text)]
    return files


def test_nothing_is_fetched_from_another_host(pages):
    found = []
    for address, page in pages.items():
        for tag, name, value in attributes(page):
            link = tag.name == "a" and name == "href"
            if link or name in PROSE or name.startswith("xmlns"):
                continue
            if REMOTE.search(value) or REMOTE_CSS.search(value):
                found.append((address, tag.name, name, value))
        for style in page.find_all("style"):
            found += [
                (address, "style", url)
                for url in REMOTE_CSS.findall(style.get_text())
            ]
    assert not found


def hashes_of_code(page):
    """The hashes of the scripts and handlers that stand in ``page``."""
    code = [s.string for s in page("script", src=False) if s.string]
    code += [
        value
        for tag, name, value in attributes(page)
        if name.startswith("on")
    ]
    digests = [hashlib.sha256(text.encode()).digest() for text in code]
    return {f"'sha256-{base64.b64encode(d).decode()}'" for d in digests}


def test_each_page_states_first_of_all_what_it_may_do(pages):
    """The policy allows the page's own code by its hash, and no other."""
    for address, page in pages.items():
        charset, policy = page.head.find_all(True)[:2]
        assert charset.get("charset") == "utf-8", address
        assert policy["http-equiv"] == "Content-Security-Policy", address
        rules = {
            name: set(values)
            for name, *values in map(str.split, policy["content"].split(";"))
        }
        assert rules["default-src"] == {"'none'"}
        hashes = hashes_of_code(page)
        assert hashes, address
        assert rules["script-src"] == hashes | {
            "'self'",
            "'unsafe-hashes'",
            "'wasm-unsafe-eval'",
        }
        asking = {"'self'"} if address.endswith("search.html") else None
        assert rules.get("connect-src") == asking, address
        # From nowhere but here, and what the page itself makes
        others = set().union(*rules.values()) - rules["script-src"]
        assert others <= {"'none'", "'unsafe-inline'", "data:", "blob:"}


def test_a_page_with_a_live_part_loads_its_scripts_and_no_other_does(pages):
    for address, page in pages.items():
        parts = page.select("[data-live]")
        scripts = page.select("script[src*='live/']")
        names = [PurePosixPath(urlsplit(s["src"]).path).stem for s in scripts]
        assert len(set(names)) == len(names), address
        assert {part["data-live"] for part in parts} <= set(names), address
        assert bool(parts) == bool(names), address
        for part in parts:
            assert part.get_text(strip=True), "for readers without scripts"


def test_style_sheets_and_figures_fetch_nothing_from_another_host(site):
    sheets = list(site.rglob("*.css"))
    figures = list((site / "_images").glob("*.svg"))
    assert sheets and figures
    for file in sheets + figures:
        text = file.read_text(encoding="utf-8")
        assert not REMOTE_CSS.findall(text), file.name
        if file in figures:
            for address in re.findall(r"\b(?:href|src)=[\"']([^\"']*)", text):
                assert address.startswith(("#", "data:")), file.name


def test_scripts_are_loaded_by_address_only_from_here(pages):
    """A script in a page may name one address: Thebe's, which is not used.

    The theme defines it on every page. Its script would fetch it at the push
    of a launch button, and no page has such a button.
    """
    for address, page in pages.items():
        for script in page.find_all("script"):
            text = script.get_text()
            for url in re.findall(r"(?:https?:)?//[^\s\"']+", text):
                if text.startswith("const THEBE_JS_URL"):
                    assert url.startswith("https://unpkg.com/thebe@"), address
        assert not page.select("[onclick*=hebe]"), address


def test_prose_links_to_known_hosts_alone(pages):
    hosts = {}
    for address, page in pages.items():
        for link in page.find_all("a", href=True):
            hosts.setdefault(urlsplit(link["href"]).hostname, address)
    unknown = set(hosts) - CITED_HOSTS - {None}
    assert not unknown, {host: hosts[host] for host in unknown}


def test_links_within_the_book_lead_somewhere(site, pages):
    names = {
        address: {
            value
            for tag, name, value in attributes(page)
            if name == "id" or (tag.name == "a" and name == "name")
        }
        for address, page in pages.items()
    }
    broken = []
    for address, page in pages.items():
        for tag, name, value in attributes(page):
            if name not in ("href", "src", "action", "data-src"):
                continue
            parts = urlsplit(value)
            if parts.scheme or parts.netloc or value == "#":
                continue
            path = unquote(urljoin(address, parts.path)) or address
            fragment = unquote(parts.fragment)
            if not (site / path).is_file() or (
                fragment and fragment not in names.get(path, ())
            ):
                broken.append((address, tag.name, value))
    assert not broken


def test_no_page_is_heavy(site, pages):
    weights = {
        address: sum(
            file.stat().st_size for file in loads(site, address, page)
        )
        for address, page in pages.items()
    }
    heavy = {a: w for a, w in weights.items() if w > PAGE_LIMIT}
    assert not heavy


def test_the_training_is_light_until_it_starts(site, pages):
    """Its scripts come when the reader does; the data only with Start."""
    script = (site / "live/train.js").read_text()
    names = re.search(r"SCRIPTS = \[(.*?)\];", script, re.S)[1]
    later = [f"live/{name}.js" for name in re.findall(r'"(.+?)"', names)]
    assert "live/trainer.js" in later
    for folder in site, site / "zh":
        page = folder / "10_hands.html"
        address = page.relative_to(site).as_posix()
        files = loads(site, address, pages[address])
        files |= {folder / file for file in later}
        assert sum(file.stat().st_size for file in files) <= PAGE_LIMIT


def test_images_have_a_text_a_size_and_a_light_file(site, pages):
    images = [(a, i) for a, page in pages.items() for i in page("img")]
    assert images
    for address, image in images:
        assert image.get("alt", "").strip(), image
        assert image["width"].isdigit() and image["height"].isdigit(), image
        figure = site / unquote(urljoin(address, image["src"]))
        assert figure.suffix in (".svg", ".webp"), figure.name
        assert figure.stat().st_size <= FIGURE_LIMIT, figure.name


def test_chapters_have_their_titles(chapters):
    titles = []
    for address, page in chapters.items():
        title = page.title.get_text()
        # The heading ends in the sign of its permanent link
        heading = page.h1.get_text().removesuffix("#").strip()
        assert heading and heading in title, address
        titles.append(title)
    assert len(set(titles)) == len(titles)


def test_a_shared_link_has_a_title_and_a_description(chapters):
    for address, page in chapters.items():
        meta = {
            tag.get("property", tag.get("name")): tag.get("content")
            for tag in page.find_all("meta")
        }
        assert "<" not in meta["og:title"], address
        assert meta["description"] == meta["og:description"]
        # Chinese says as much in fewer letters
        least = 10 if address.startswith("zh/") else 30
        assert least <= len(meta["description"]) <= 200, address
        start = meta["description"].rstrip("…")[:30]
        assert start in " ".join(page.article.get_text().split()), address


def test_mathematics_is_mathml(pages):
    assert pages["03_shapes.html"].find("math")
    for address, page in pages.items():
        visible = BeautifulSoup(str(page), "html.parser")
        for tag in visible(["script", "style", "pre", "code"]):
            tag.decompose()
        text = visible.get_text()
        assert not [s for s in (r"\(", r"\[", "$$") if s in text], address


def test_the_book_can_be_searched(site, pages):
    for folder in site, site / "zh":
        assert (folder / "search.html").is_file()
        index = (folder / "searchindex.js").read_text("utf-8")
        assert "Search.setIndex" in index


# What axe finds in a page, and the browser's console


def test_each_menu_has_one_button(pages):
    """A script takes the first that it finds, shown or not."""
    for address, page in pages.items():
        for which in ("primary", "secondary"):
            buttons = page.select(f"button.{which}-toggle")
            assert len(buttons) <= 1, (address, which)
        assert page.select("button.primary-toggle"), address


def test_each_heading_of_a_table_has_text(pages):
    headings = [th for page in pages.values() for th in page.select("th")]
    assert headings
    assert not [th for th in headings if not th.get_text(strip=True)]


def test_an_entry_of_the_bibliography_is_an_item_of_its_list(pages):
    lists = [each for p in pages.values() for each in p.select("[role=list]")]
    assert lists
    for each in lists:
        children = each.find_all(recursive=False)
        assert {child.get("role") for child in children} == {"listitem"}


def test_each_page_has_its_icon_and_no_script_twice(site, pages):
    for address, page in pages.items():
        icon = page.find("link", rel="icon")
        assert icon, address
        assert (site / urljoin(address, icon["href"])).is_file(), address
        scripts = [s.string for s in page("script") if s.string]
        assert len(set(scripts)) == len(scripts), address


def test_what_unfolds_has_a_name(pages):
    folds = [s for page in pages.values() for s in page.select("summary")]
    assert folds
    for fold in folds:
        assert fold.get_text(strip=True) or fold.get("aria-label"), fold


def test_a_button_with_text_is_named_by_it(pages):
    """Speech control presses a button by the words that it shows."""
    selected = "button, summary"
    buttons = [b for page in pages.values() for b in page.select(selected)]
    assert buttons
    for button in buttons:
        words = " ".join(button.get_text(" ").split())
        assert words in button.get("aria-label", words), words
