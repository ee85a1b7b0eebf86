"""The built pages in a browser: all that they do, their policy permits.

They are opened as a reader may open them, from disk and from a server.
"""

from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import pytest

# Tried in a page: each is forbidden, or needed by what a reader can move
TRIED = """async () => {
  const loads = (element, address) => new Promise((tell) => {
    element.onload = () => tell("yes");
    element.onerror = () => tell("no");
    element.src = address;
    document.head.append(element);
  });
  const bytes = "Uint8Array.of(0, 97, 115, 109, 1, 0, 0, 0)";
  const code = `WebAssembly.compile(${bytes}).then(() => postMessage("yes"))`;
  const blob = (text) => URL.createObjectURL(new Blob([text]));
  const worker = new Worker(blob(code));
  const inline = document.createElement("script");
  inline.textContent = "globalThis.ran = 'yes'";
  document.head.append(inline);
  const answers = {
    "a worker that compiles": await new Promise((tell) => {
      worker.onmessage = (event) => tell(event.data);
      worker.onerror = () => tell("no");
    }),
    "a script of the book": await loads(
      document.createElement("script"), "_static/doctools.js"),
    "a drawn picture": await new Promise((tell) =>
      document.createElement("canvas").toBlob((drawn) =>
        tell(loads(new Image(), URL.createObjectURL(drawn))))),
    "a script within the page": globalThis.ran ?? "no",
    "a script from elsewhere": await loads(
      document.createElement("script"), blob("")),
    "a picture from elsewhere": await loads(
      new Image(), "https://example.org/picture.png"),
  };
  // Not sooner: what the test itself runs is free of the policy
  answers["code in a string"] = "no";
  try {
    answers["code in a string"] = eval("'yes'");
  } catch { /* So it should be */ }
  return answers;
}"""
ANSWERS = {
    "a worker that compiles": "yes",
    "a script of the book": "yes",
    "a drawn picture": "yes",
    "a script within the page": "no",
    "a script from elsewhere": "no",
    "a picture from elsewhere": "no",
    "code in a string": "no",
}


class Silent(SimpleHTTPRequestHandler):
    """A server that doesn't report what it is asked for."""

    def log_message(self, *args):
        """Say nothing."""


@pytest.fixture(scope="module", params=["disk", "server"])
def start(request, site):
    """The address of the folder of pages."""
    if request.param == "disk":
        yield site.as_uri()
        return
    handler = partial(Silent, directory=site)
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


@pytest.fixture
def errors():
    """What went wrong in `page`: its console's errors, and violations."""
    return []


@pytest.fixture
def page(browser, errors):
    """A new page that writes its errors into `errors`."""
    page = browser.new_page()

    def hear(message):
        # The theme preloads a font, which no browser does from disk; it
        # loads the font a moment later
        font = f"{message.text} {message.location['url']}"
        preload = "file:" in font and ".woff2" in font
        if message.type == "error" and not preload:
            errors.append(message.text)

    page.on("console", hear)
    page.on("pageerror", lambda error: errors.append(str(error)))
    yield page
    page.close()


@pytest.mark.slow
def test_no_page_does_what_its_policy_forbids(start, pages, page, errors):
    for address in pages:
        page.goto(f"{start}/{address}")
        assert not errors, address


def test_the_policy_permits_what_is_needed_and_no_more(start, page):
    page.goto(f"{start}/index.html")
    assert page.evaluate(TRIED) == ANSWERS


def test_a_file_made_in_the_page_can_be_saved(start, page, errors):
    page.goto(f"{start}/index.html")
    with page.expect_download() as saving:
        page.evaluate("""() => {
          const link = document.createElement("a");
          link.href = URL.createObjectURL(new Blob(["weights"]));
          link.download = "saved.txt";
          link.click();
        }""")
    assert saving.value.path().read_text() == "weights"
    assert not errors


def test_the_buttons_of_the_theme_work(start, page, errors):
    page.goto(f"{start}/index.html")
    mode = "document.documentElement.dataset.mode"
    before = page.evaluate(mode)
    page.click(".theme-switch-button >> visible=true")
    assert page.evaluate(mode) != before
    page.click(".btn-fullscreen-button >> visible=true")
    page.wait_for_function("document.fullscreenElement")
    assert not errors


def test_the_search_finds_and_on_a_server_shows_where(start, page, errors):
    page.goto(f"{start}/index.html")
    page.keyboard.press("Control+k")
    page.keyboard.type("plateau")
    page.keyboard.press("Enter")
    page.wait_for_selector("#search-results li a")
    assert page.locator("#search-results li a").count() > 3
    if start.startswith("http"):
        page.wait_for_selector("#search-results p.context")
        assert not errors
