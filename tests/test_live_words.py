"""The words of the live parts: one English text, and its Chinese one."""

import re
import shutil
import tomllib
from importlib.util import module_from_spec, spec_from_file_location
from types import SimpleNamespace

import pytest
from catalogue import WIDE
from conftest import BOOK, LIVE

DICTIONARY = BOOK / "zh/controls.toml"
WINDOW = "dom data data/boot maps window"
BOWL = "dom bowl"
LOOK = (
    "dom maps net data data/weights data/images data/measured picture draw"
    " distort input explain layers look"
)
TRAIN = "dom maps net data safetensors train"
COMMENT = re.compile(r"/\*.*?\*/", re.S)
# A template of a text, whose values are short: see `words` in dom.js
TEMPLATE = re.compile(r"\b(?:words|pieces)`([^`]*)`")
VALUE = re.compile(r"\$\{[^{}`$]*\}")
PLACE = re.compile(r"\{(\d*)\}")
# What is no English: names, files, units, digits of a SHA-256
NAMES = re.compile(
    r"“lenet-d2l predict IMAGE --weights lenet\.safetensors”|weights?\."
    r"safetensors|[\w-]+\.(?:safetensors|png|js|gz)|\.gz|[\w-]+-ubyte"
    r"|LeNet|PyTorch|Xavier|Fashion-MNIST|MNIST|SHA-256|IDX|WebAssembly"
    r"|sigmoid|tanh|ReLU|softmax|logit|safetensors|float32|localhost|https"
    r"|\b(?:nat|lr|ln|MB)\b|Tab|Home|End|PageUp|PageDown|Enter|Escape|Shift"
    r"|Delete|Ctrl|\b[0-9a-f]{8,}\b|[a-z]+=\S+"
)
# All that the page has shown or said since, in `shown`
LISTEN = """() => {
  globalThis.shown = new Set();
  const heard = ["aria-label", "aria-valuetext", "title", "alt"];
  const read = (node) => {
    if (node.nodeType === Node.TEXT_NODE) shown.add(node.data);
    else if (node.tagName !== "SCRIPT") {
      for (const name of heard) shown.add(node.getAttribute(name) ?? "");
      node.childNodes.forEach(read);
    }
  };
  read(document.body);
  new MutationObserver((changes) => changes.forEach((change) => {
    change.addedNodes.forEach(read);
    read(change.target);
  })).observe(document.body, {
    attributes: true, characterData: true, childList: true, subtree: true,
  });
}"""


def texts():
    """The texts in the scripts, as keys of the dictionary."""
    found = set()
    for script in LIVE.glob("*.js"):
        code = COMMENT.sub("", script.read_text(encoding="utf-8"))
        for text in TEMPLATE.findall(code):
            found.add(re.sub(r"\s+", " ", VALUE.sub("{}", text)))
    return found


@pytest.fixture(scope="module")
def chinese():
    """The dictionary; the names of the classes are with the book's words."""
    words = (BOOK / "zh/words.toml").read_text(encoding="utf-8")
    classes = tomllib.loads(words)["classes"]
    return classes | tomllib.loads(DICTIONARY.read_text(encoding="utf-8"))


@pytest.fixture
def open_part(open_live, chinese):
    """How to open a part in Chinese; it returns what it shows in English."""

    def open_part(scripts, more="", **settings):
        name = scripts.split()[-1]
        body = f'<div data-live="{name}">（文字）</div>{more}'
        page = open_live(scripts, body, words=chinese, **settings)
        page.evaluate(LISTEN)
        return page

    return open_part


def english(page):
    """What the page has shown that is neither Chinese nor a name."""
    page.wait_for_timeout(700)  # Announcements wait for a calm moment
    shown = page.evaluate("[...shown]")
    assert any("\u4e00" <= letter <= "\u9fff" for letter in "".join(shown))
    return [
        text
        for text in shown
        if re.search("[A-Za-z]{2}", NAMES.sub("", text))
    ]


def press(page, *names):
    for name in names:
        page.get_by_role("button", name=name, exact=True).first.click()


def unfold(page):
    page.locator("details").evaluate_all(
        "all => all.forEach((details) => details.open = true)"
    )


def test_the_dictionary_has_the_texts_of_the_scripts_and_no_others(chinese):
    entries = tomllib.loads(DICTIONARY.read_text(encoding="utf-8"))
    assert {key for key in texts() if "$" in key} == set()
    assert set(entries) == texts()
    assert set(chinese) > set(entries)


def test_a_translation_has_the_values_of_its_text(chinese):
    for text, translation in chinese.items():
        count = len(PLACE.findall(text))
        places = PLACE.findall(translation)
        if any(places):
            assert sorted(map(int, places)) == list(range(count)), text
        else:
            assert len(places) == count, text
        # But for names and signs
        latin = re.search("[A-Za-z]{2}", NAMES.sub("", translation))
        assert re.search(WIDE, translation) or not latin, text


def test_words_in_another_language(open_live):
    page = open_live(
        "dom",
        words={
            "{} of {}": "{1}之{0}",
            "row {}, column {}": "第{}行第{}列",
            "one": "一",
            "a long text": "长文",
        },
    )
    said = page.evaluate("""() => {
      const { words, pieces, join } = live;
      const bold = live.element("b", {}, "7");
      return [
        words`${3} of ${words`one`}`,
        words`row ${1}, column ${"{}"}`,
        words`not there: ${1.5}, ${"two  spaces"}`,
        words`a
          long    text`,
        words`another
          long text`,
        live.element("p", {}, ...pieces`${bold} of ${8}`).innerHTML,
        join(["a", "", "b", "c"], ", "),
        join([], "; "),
      ];
    }""")
    assert said == [
        "一之3",
        "第1行第{}列",
        "not there: 1.5, two  spaces",
        "长文",
        "another long text",
        "8之<b>7</b>",
        "a, b, c",
        "",
    ]


def test_words_are_english_without_a_dictionary(open_live):
    page = open_live("dom")
    assert page.evaluate("live.words`${1} of ${2}`") == "1 of 2"


@pytest.mark.parametrize(
    "value, attributes",
    [
        ("", "min=0"),
        ("-1", "min=0 step=1"),
        ("7", "max=5 step=1"),
        ("1.5", "min=0 max=9 step=1"),
        ("0.123", "min=-9 max=9 step=0.01"),
        ("-0.123", "min=-9 max=9 step=0.01"),
        ("3", "min=0 max=9 step=1"),
    ],
)
def test_what_is_wrong_with_a_number(open_live, value, attributes):
    """In English these are Chromium's words."""
    page = open_live("dom", f"<input type=number required {attributes}>")
    page.locator("input").fill(value)
    told = page.evaluate("""() => {
      const field = document.querySelector("input");
      return [live.fault(field), field.validationMessage];
    }""")
    assert told[0] == told[1]


def test_the_window_in_chinese(open_part):
    page = open_part(WINDOW)
    page.get_by_role("application").press("ArrowRight")
    press(page, "第2站", "填满特征图", "清空", "从上到下", "随机", "全为0")
    for wrong in "", "99", "-99", "0.123", "0.5":
        page.get_by_label("权重，第1行第3列").fill(wrong)
    press(page, "自动滑动")
    page.get_by_text("第23行第23列").wait_for(timeout=30_000)
    assert english(page) == []


def test_the_bowl_in_chinese(open_part):
    page = open_part(BOWL)
    unfold(page)
    rate = page.get_by_role("slider", name="学习率")
    for value in 0.5, 0.1, 0.9, 1.3, 0.95, 1.05:
        rate.fill(str(value))
        press(page, "走一步", "走一步", "回到起点")
    assert page.get_by_text("你找到了界限").count() == 1
    page.clock.install()
    for value, end in (0.3, "停在碗底"), (1, "来回跳"), (1.3, "跑得很远"):
        rate.fill(str(value))
        press(page, "回到起点", "连续走")
        page.clock.run_for(40_000)
        assert page.get_by_text(end).count()
    page.clock.resume()
    assert english(page) == []


def test_looking_in_chinese(open_part, tmp_path):
    page = open_part(LOOK)
    unfold(page)
    page.locator(".live-image").last.click()
    page.get_by_text("本书的网络却说").wait_for()
    for layer in "输入", "C1", "S2", "C3", "S4", "C5", "F6":
        canvas = page.locator(f'canvas[aria-label^="{layer}"]')
        for key in "Home", "ArrowUp":
            canvas.press(key)
    page.locator(".live-lines button").first.click()
    page.locator(".live-output button").first.click()
    page.locator('canvas[aria-label^="C3"]').press("Home")
    page.locator(".live-lines button").last.click()
    for box in 0, 1:
        page.locator(".live-switches input").nth(box).uncheck()
    press(page, "全部打开", "与PyTorch比较", "撤销所有改动")
    for slider in page.locator("input[type=range]").all():
        slider.press("End")
        press(page, "撤销所有改动")
    page.get_by_label("向右平移").fill("2")
    page.get_by_label("噪声").fill("0.1")

    pad = page.get_by_label("画板")
    for key in " ", "Shift+ArrowDown", " ", "ArrowLeft", "Control+z":
        pad.press(key)
    page.get_by_label("工具").select_option("填满一块")
    for key in " ", "Delete":
        pad.press(key)
    page.get_by_text("这幅画是空的").wait_for()
    (tmp_path / "list.png").write_bytes(b"milk")
    page.get_by_label("图片", exact=True).set_input_files(
        tmp_path / "list.png"
    )
    page.get_by_text("不能当作图片").wait_for()

    for kind in (
        '{activation: "tanh", pooling: "max"}',
        '{activation: "relu", pooling: "mean"}',
    ):
        page.evaluate(f"""() => {{
          const weights = LeNet.published().weights();
          const detail = new LeNet(weights, {kind});
          document.dispatchEvent(new CustomEvent("live-net", {{ detail }}));
        }}""")
        page.get_by_text("你的网络的回答").first.wait_for()
        for layer in "C1", "S2":
            page.locator(f'canvas[aria-label^="{layer}"]').press("Home")
        page.locator(".live-switches input").first.uncheck()
        page.get_by_text("除了C1的图1").first.wait_for()
        press(page, "全部打开")
    assert english(page) == []


EXPERIMENTS = "".join(
    f'<div data-experiment="{name}"><p><strong>用0.1</strong>代替'
    f"<strong>0.9</strong>：试试。</p><details><summary>本书的发现</summary>"
    f"无。</details></div>"
    for name in ("plateau", "twice", "seed")
)


def test_training_in_chinese(open_part, tmp_path):
    page = open_part(TRAIN, EXPERIMENTS)
    page.get_by_text("训练的初始设置").wait_for()
    said = page.locator(".live-message, .live-wrong")

    def wait_for(text):
        said.get_by_text(text).first.wait_for(timeout=120_000)

    for experiment in page.locator("[data-experiment] button").all():
        experiment.click()
        wait_for("“用0.1代替0.9”设置好了")
    for wrong in "-1", "1.5", "":
        page.get_by_label("种子").fill(wrong)
        press(page, "开始")
        wait_for("种子：")
    press(page, "重置")
    page.get_by_label("种子").fill("0")
    page.get_by_label("迭代周期数").fill("1")
    page.get_by_label("用灰色留住").check()
    unfold(page)
    for _ in range(2):
        press(page, "走一步")
        page.get_by_text("1 / 24").wait_for()
        press(page, "继续")
        wait_for("走完24步，训练结束。")
    wait_for("直到最后一个二进制位")
    with page.expect_download() as download:
        press(page, "保存权重")
    good, bad = tmp_path / "good.safetensors", tmp_path / "bad.safetensors"
    download.value.save_as(good)
    bad.write_bytes(b"milk")
    for file, text in (bad, "无法加载"), (good, "的权重已加载"):
        page.get_by_label("加载权重").set_input_files(file)
        wait_for(text)
    press(page, "看这个网络的内部", "回到本书的网络")
    page.get_by_label("激活函数").select_option("tanh")
    page.get_by_label("池化").select_option("最大")
    page.get_by_label("小批量大小").fill("100")
    press(page, "走一步")
    page.get_by_text("1 / 60").wait_for()
    page.get_by_label("加载权重").set_input_files(good)
    wait_for("训练正在进行")
    page.get_by_label("或直接填数").fill("1e9")
    press(page, "重置")

    page.get_by_label("激活函数").select_option("ReLU")
    page.get_by_label("初始权重").select_option("Xavier")
    press(page, "开始")
    wait_for("不再是有限数")
    page.get_by_label("数据").select_option("files")
    press(page, "开始")
    wait_for("需要Fashion-MNIST的四个文件")
    page.get_by_label("四个文件").set_input_files(bad)
    page.get_by_text("不在其列").wait_for()
    page.evaluate("location.hash = 'rate=banana&pooling=median'")
    wait_for("网址里的这些内容")
    page.evaluate("""() => {
      const log = live.publishedLog(), [first] = live.data.spread.published;
      document.body.append(log.root);
      log.add({ epoch: 0, ...first });
      log.add({ epoch: 1, ...first });
    }""")
    assert english(page) == []


@pytest.mark.parametrize("language", ["en", "zh-CN"])
def test_the_dictionary_comes_right_behind_the_first_script(
    tmp_path, language
):
    """And in the English book not at all."""
    spec = spec_from_file_location("live_parts", BOOK / "_ext/live.py")
    spec.loader.exec_module(extension := module_from_spec(spec))
    scripts = tmp_path / "_extra/live"
    shutil.copytree(LIVE, scripts, ignore=lambda *_: ["part.js"])
    (scripts / "data/words.js").write_text("live.data.words = {};")
    config = SimpleNamespace(language=language)
    app = SimpleNamespace(confdir=tmp_path, config=config)
    parts = '<div data-live="bowl"></div><div data-live="window"></div>'
    context = {
        "body": parts,
        "metatags": "",
        "pathto": lambda path, resource: path,
    }
    extension.add_scripts(app, "page", "page.html", context, None)
    found = re.findall(r'src="live/([\w/]+)\.js', context["metatags"])
    words = ["data/words"] if language == "zh-CN" else []
    others = ["bowl", "data", "data/boot", "maps", "window"]
    assert found == ["dom", *words, *others]
