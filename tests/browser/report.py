"""What a person does with a report: one file, opened from the disk, made by the real program. Anything on its console fails a
test."""

import base64
import csv
import datetime
import functools
import io
import json
import math
import os
import re
import shlex
import shutil
import subprocess
import tempfile
import xml.etree.ElementTree as ElementTree
from pathlib import Path

from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys

from browser import Browser, BrowserTest

HOST = os.environ["HOST"]
FOLDER = Path(tempfile.mkdtemp(prefix="host-report-"))
BEST = ["--plugin", "sma_cross", "--param", "fast=15", "--param", "slow=20"]
ORDER = """verdict summary equity months trades distributions sweep combinations marginals importance parallel scatter
  walk-forward receipt""".split()
MARKUP = "<script>document.title='owned'</script>\"'><img src=x onerror=document.title='owned'>"


def host(*arguments, codes=(0,)):
    """What the program prints, in the folder of the test."""
    ended = subprocess.run([HOST, *arguments], cwd=FOLDER, capture_output=True, text=True)
    assert ended.returncode in codes, f"{arguments} ended with {ended.returncode}: {ended.stderr}"
    return ended.stdout


def rows(text):
    return list(csv.DictReader(io.StringIO(text)))


def report(maker):
    """Made once, when the first test asks for it."""

    @functools.cache
    def made():
        maker(maker.__name__)
        return FOLDER / f"{maker.__name__}.html"

    return made


def swept(name, *options, data=(), codes=(0,)):
    """A sweep, and the report of its results."""
    host("sweep", "--quiet", *data, *options, "--out", f"{name}.parquet", "--returns", f"{name}.arrow", codes=codes)
    host("report", "--quiet", f"{name}.parquet", "--returns", f"{name}.arrow", *data, "--out", f"{name}.html")


@report
def sweep(name):
    swept(name, "--plugin", "sma_cross", "--param", "fast=5..50:5", "--param", "slow=20..200:20", "--where", "fast < slow")


@report
def best(name):
    host("backtest", "--quiet", *BEST, "--report", f"{name}.html")


@report
def bracket(name):
    axes = ["fast=5,10,20", "slow=50..150:25", "stop_loss=0.02..0.1:0.04", "take_profit=0.1,0.2,0.4"]
    swept(name, "--plugin", "bracket", *(part for axis in axes for part in ("--param", axis)))


@report
def failed(name):
    # 10 is its code where some combinations have failed.
    swept(name, "--plugin", "sma_cross", "--param", "fast=5..30:5", "--param", "slow=10..40:10", codes=(10,))


@report
def minutes(name):
    write_bars(FOLDER / "minutes.csv", datetime.timedelta(minutes=1), 30_000)
    axes = ["--param", "fast=20..60:20", "--param", "slow=100..300:100"]
    swept(name, "--plugin", "sma_cross", *axes, data=("--data", "minutes.csv"))


@report
def gone(name):
    """The data of its results have been deleted."""
    folder = FOLDER / "gone"
    folder.mkdir()
    write_bars(folder / "bars.csv", datetime.timedelta(days=1), 1_000)
    axes = ["--param", "fast=5..20:5", "--param", "slow=30..60:10"]
    host("sweep", "--quiet", "--data", "gone/bars.csv", "--plugin", "sma_cross", *axes, "--out", "gone/gone.parquet")
    (folder / "bars.csv").unlink()
    host("report", "--quiet", "gone/gone.parquet", "--out", f"{name}.html", codes=(10,))


ALL = [sweep, best, bracket, failed, minutes, gone]


def write_bars(path, step, count):
    """Bars that swing, with the same numbers in every run."""
    lines, at = ["time,open,high,low,close,volume"], datetime.datetime(2024, 1, 2)
    for bar in range(count):
        price = 100 + 10 * math.sin(bar / 180) + 3 * math.sin(bar / 23) + bar / 1000
        lines.append(f"{at.isoformat()}Z,{price:.4f},{price + 0.3:.4f},{price - 0.3:.4f},{price + 0.1:.4f},1000")
        at += step
    path.write_text("\n".join(lines) + "\n")


def data_of(path):
    return json.loads(re.search(r'id="data">(.*?)</script>', path.read_text(), re.S)[1])


def changed(name, path, change):
    """A report whose data have been changed by hand."""
    head, tail = re.split(r'(?<=id="data">).*?(?=</script>)', path.read_text(), flags=re.S)
    data = data_of(path)
    change(data)
    made = FOLDER / f"{name}.html"
    made.write_text(head + json.dumps(data).replace("<", "\\u003c") + tail)
    return made


def number(text):
    """A number as it is shown, and how far it may be from what was rounded."""
    digits = re.search(r"[-−]?[\d,]*\.?\d+", text)[0].replace(",", "").replace("−", "-")
    size = 0.01 if text.endswith("%") else 1
    half = 0.5 * 10.0 ** -len(digits.partition(".")[2])
    return float(digits) * size, half * size * 1.001


class Report(Browser):
    """A report in a browser."""

    def __init__(self):
        super().__init__("performance")
        self.downloads = FOLDER / "downloads"
        self.downloads.mkdir()
        allowed = {"behavior": "allow", "downloadPath": str(self.downloads)}
        self.browser.execute_cdp_cmd("Browser.setDownloadBehavior", allowed)

    def read(self, path):
        self.open(path.as_uri())
        self.wait("the report is built", lambda: self.js("return document.documentElement.dataset.built"))

    def chart(self, title):
        """The figure whose title has this text."""
        return next(node for node in self.all("figure") if title in node.find_element(By.CSS_SELECTOR, ".chart-title").text)

    def within(self, title, css):
        return self.chart(title).find_elements(By.CSS_SELECTOR, css)

    def canvas(self, title):
        canvas = self.within(title, "canvas.chart-canvas")[0]
        self.js("arguments[0].scrollIntoView({ block: 'center' })", canvas)
        return canvas

    def focus(self, title):
        canvas = self.canvas(title)
        self.js("arguments[0].focus()", canvas)
        return canvas

    def heard(self, title, part):
        """Waits until a screen reader has been told a text."""
        live = self.within(title, "[aria-live]")[0]
        self.wait(f"`{part}` is said", lambda: part in live.get_property("textContent"))

    def press(self, title, name):
        buttons = [button for button in self.within(title, "button") if button.text == name]
        self.js("arguments[0].scrollIntoView({ block: 'center' })", buttons[0])
        buttons[0].click()

    def saved(self, title, kind):
        """The text of the file that a press on a button saves."""
        for path in self.downloads.iterdir():
            path.unlink()
        self.press(title, kind)
        # An empty file holds the name until the download is complete.
        found = lambda: [path for path in self.downloads.glob(f"*.{kind.lower()}") if path.stat().st_size > 0]
        return self.wait(f"{kind} of {title}", found)[0].read_text(encoding="utf-8-sig")

    def cell(self):
        """The chosen cell: its parameters and metrics by name."""
        return self.js(
            "return Object.fromEntries([...document.querySelectorAll('.cell .facts > div')]"
            ".map((pair) => [...pair.children].map((part) => part.textContent)))"
        )


class ReportTest(BrowserTest):
    @classmethod
    def setUpClass(cls):
        cls.page = Report()

    @classmethod
    def tearDownClass(cls):
        cls.page.quit()
        shutil.rmtree(FOLDER)

    def setUp(self):
        self.page.size(1280, 1000)

    def tearDown(self):
        self.assertEqual(self.page.browser.get_log("browser"), [], "the console")

    def test_every_report_opens_from_the_disk_and_asks_nobody_for_anything(self):
        page = self.page
        for maker in ALL:
            with self.subTest(maker().stem):
                page.requests()
                page.read(maker())
                self.assertEqual(set(page.requests()) - {"about:blank"}, {maker().as_uri()})
                page.screen(f"report-{maker().stem}")

    def test_only_the_script_and_the_style_of_a_report_are_allowed(self):
        self.page.read(sweep())
        policy = self.page.find("meta[http-equiv=Content-Security-Policy]").get_attribute("content")
        allowed = r"default-src 'none'; script-src 'sha256-[\w+/]{43}='; style-src 'sha256-[\w+/]{43}='; .*"
        self.assertRegex(policy, allowed)
        self.assertNotIn("unsafe", policy)
        text = sweep().read_text()
        self.assertNotRegex(text, r"https?://(?!www\.w3\.org/2000/svg)")

    def test_sections_have_headings_and_are_in_the_list_of_contents(self):
        page = self.page
        for maker in ALL:
            with self.subTest(maker().stem):
                page.read(maker())
                sections = page.js("return [...document.querySelectorAll('main > section')].map((node) => node.id)")
                self.assertEqual(sections, [name for name in ORDER if name in sections])
                listed = page.js("return [...document.querySelectorAll('nav a')].map((node) => node.getAttribute('href'))")
                self.assertEqual(listed, [f"#{name}" for name in sections])
                self.assertEqual(len(page.all("h1")), 1)
                for name in sections:
                    self.assertEqual(len(page.all(f"#{name} h2")), 1, name)
        page.read(sweep())
        for name in ORDER:
            self.assertTrue(page.all(f"#{name}"), name)

    def test_the_summary_has_the_numbers_of_the_backtest(self):
        metrics = json.loads(host("backtest", "--quiet", *BEST, "--format", "json"))["metrics"]
        for maker in (best, sweep):
            self.page.read(maker())
            shown = {}
            for row in self.page.all("#summary tbody tr"):
                name, value = (cell.text for cell in row.find_elements(By.CSS_SELECTOR, "th, td")[:2])
                shown[name.replace(" ", "_")] = value
            known = {name: value for name, value in shown.items() if metrics.get(name) is not None}
            self.assertGreater(len(known), 10, shown)
            for name, text in known.items():
                value, near = number(text)
                self.assertAlmostEqual(value, metrics[name], delta=near, msg=f"{maker().stem}: {name} {text}")

    def test_the_list_of_trades_has_all_trades_and_one_can_be_shown_on_the_prices(self):
        page = self.page
        host("backtest", "--quiet", *BEST, "--trades", "trades.csv")
        trades = rows((FOLDER / "trades.csv").read_text())
        page.read(best())
        self.assertEqual(len(page.all("#trades tbody tr")), 25)
        while page.within("List of trades", ".chart-controls button"):
            page.within("List of trades", ".chart-controls button")[0].click()
        listed = page.all("#trades tbody tr")
        self.assertEqual(len(listed), len(trades))
        self.assertIn(trades[-1]["entry_time"][:10], listed[-1].text)
        listed[1].find_element(By.TAG_NAME, "button").click()
        page.heard("and trades", trades[1]["entry_time"][:10])
        saved = rows(page.saved("List of trades", "CSV"))
        self.assertEqual(len(saved), len(trades))
        for own, other in zip(saved, trades):
            self.assertAlmostEqual(float(own["profit"]), float(other["pnl"]), delta=1e-5 * max(1, abs(float(other["pnl"]))))

    def test_lists_are_sorted_by_a_press_on_a_heading(self):
        page = self.page
        page.read(best())
        head = lambda: next(node for node in page.within("List of trades", "thead th") if node.text.startswith("return"))
        place = page.within("List of trades", "thead th").index(head())
        for order, pick in (("descending", max), ("ascending", min)):
            head().find_element(By.TAG_NAME, "button").click()
            self.assertEqual(head().get_attribute("aria-sort"), order)
            shown = [number(row.find_elements(By.TAG_NAME, "td")[place].text)[0] for row in page.all("#trades tbody tr")]
            self.assertEqual(shown[0], pick(shown))

    def test_the_best_cell_is_chosen_and_another_one_by_a_click(self):
        page = self.page
        page.read(sweep())
        first = page.cell()
        self.assertEqual((first["fast"], first["slow"]), ("15", "20"))
        self.assertRegex(page.text(".command"), r"fast=15\b.*\bslow=20\b")
        ActionChains(page.browser).move_to_element(page.canvas("sharpe by")).click().perform()
        page.wait("another cell", lambda: page.cell() != first)
        chosen = page.cell()
        self.assertRegex(page.text(".command"), rf"fast={chosen['fast']}\b.*\bslow={chosen['slow']}\b")
        own = [node.text.split() for node in page.within("Neighbourhood", ".chart-own")]
        self.assertEqual([value for value, _ in own], [chosen["fast"], chosen["slow"]])
        params = ["--param", f"fast={chosen['fast']}", "--param", f"slow={chosen['slow']}"]
        metrics = json.loads(host("backtest", "--quiet", "--plugin", "sma_cross", *params, "--format", "json"))["metrics"]
        for name in ("sharpe", "total return", "max drawdown"):
            if name in chosen:
                value, near = number(chosen[name])
                self.assertAlmostEqual(value, metrics[name.replace(" ", "_")], delta=near, msg=name)
        page.within("Neighbourhood", ".chart-cell")[0].click()
        page.wait("a neighbour", lambda: page.cell() != chosen)

    def test_the_command_of_a_cell_runs(self):
        self.page.read(sweep())
        words = shlex.split(self.page.text(".command"))
        self.assertEqual(words[0], "host")
        self.assertIn("sharpe", json.loads(host(*words[1:], "--quiet", "--format", "json"))["metrics"])

    def test_the_table_of_combinations_has_the_results_in_their_order(self):
        page = self.page
        page.read(sweep())
        places = data_of(sweep())["sweep"]["axes"]
        told = rows(page.saved("Combinations", "CSV"))
        ranks = [int(row["rank"]) for row in told]
        self.assertEqual(ranks, list(range(1, len(ranks) + 1)))
        values = [float(row["sharpe"]) for row in told]
        self.assertEqual(values, sorted(values, reverse=True))
        self.assertEqual({axis["name"] for axis in places} - told[0].keys(), set())
        field = page.within("Combinations", ".chart-only input")[0]
        field.send_keys("fast = 15 and sharpe > 0.6")
        kept = [row for row in told if row["fast"] == "15" and float(row["sharpe"]) > 0.6]
        page.wait("fewer rows", lambda: len(page.within("Combinations", "tbody tr")) == len(kept))
        self.assertEqual(len(rows(page.saved("Combinations", "CSV"))), len(kept))

    def test_the_importance_of_parameters_adds_up_with_their_interplay(self):
        page = self.page
        page.read(bracket())
        told = {row["parameter"]: row for row in rows(page.saved("Importance", "CSV"))}
        self.assertEqual(told.keys(), {"fast", "slow", "stop_loss", "take_profit", "interplay"})
        # Every value was run with every other one: the shares are parts of one whole.
        self.assertAlmostEqual(sum(float(row["share"]) for row in told.values()), 1, delta=1e-6)

    def test_all_metrics_stand_behind_a_press(self):
        page = self.page
        more = [{"name": "omega", "unit": "number", "value": 1.25}, {"name": "skew", "unit": "number", "value": None}]
        page.read(changed("metrics", best(), lambda data: data.update(metrics=more)))
        self.assertNotIn("omega", page.text("#summary"))
        page.find("#summary details summary").click()
        self.assertRegex(page.text("#summary details"), r"omega\s+1\.25\s[^$]*skew\s+–")

    def test_two_axes_of_a_map_can_be_swapped(self):
        page = self.page
        page.read(sweep())
        title = "sharpe by"
        first = page.saved(title, "CSV")
        page.press(title, "Swap axes")
        self.assertEqual(page.browser.switch_to.active_element.text, "Swap axes")
        second = page.saved(title, "CSV")
        across, up = (list(csv.reader(io.StringIO(text))) for text in (first, second))
        self.assertEqual(across[0][1:], [row[0] for row in reversed(up[1:])])
        corner = lambda table: {(row[0], name): value for row in table[1:] for name, value in zip(table[0][1:], row[1:])}
        self.assertEqual(corner(across), {(column, row): value for (row, column), value in corner(up).items()})

    def test_keys_alone_reach_every_control_and_move_crosshair_and_cells(self):
        page = self.page
        page.read(sweep())
        controls = "main button:not(:disabled), main select, main input, main [tabindex='0']"
        page.js(
            "window.reached = []; document.addEventListener('focusin', ({ target }) => reached.push(target));"
            "window.wanted = [...document.querySelectorAll(arguments[0])].filter((node) => node.checkVisibility());"
            "[...document.querySelectorAll('nav a')].at(-1).focus()",
            controls,
        )
        count = page.js("return wanted.length")
        ActionChains(page.browser).send_keys(Keys.TAB * (count + 3)).perform()
        self.assertEqual(page.js("return wanted.filter((node) => !reached.includes(node)).map((node) => node.outerHTML)"), [])
        page.focus("and trades").send_keys(Keys.HOME)
        page.heard("and trades", "1986-03-13")
        page.focus("and trades").send_keys(Keys.ARROW_RIGHT)
        page.heard("and trades", "1986-03-14")
        page.focus("and trades").send_keys("n")
        page.heard("and trades", "long 1986-")
        slow = data_of(sweep())["sweep"]["axes"][1]["values"][1]
        page.focus("sharpe by").send_keys(Keys.ARROW_UP)
        page.heard("sharpe by", f"slow {slow}")
        page.focus("sharpe by").send_keys(Keys.ENTER)
        page.heard("sharpe by", "chosen")
        self.assertIn(f"slow={slow}", page.text(".command"))
        outline = page.js(
            "const { outlineStyle, outlineWidth } = getComputedStyle(document.activeElement); return [outlineStyle, outlineWidth]"
        )
        self.assertEqual(outline, ["solid", "2px"])

    def test_times_within_a_day_are_said_to_the_minute(self):
        page = self.page
        page.read(minutes())
        page.focus("Equity").send_keys(Keys.HOME)
        first = page.text("#equity .chart-legend")
        self.assertRegex(first, r"^20\d\d-\d\d-\d\d \d\d:\d\d")

    def test_sliders_hold_the_axes_that_are_not_drawn(self):
        page = self.page
        page.read(bracket())
        sliders = page.within("sharpe by", "input[type=range]")
        self.assertEqual(len(sliders), 2)
        before = page.js("return arguments[0].toDataURL()", page.canvas("sharpe by"))
        key = Keys.ARROW_LEFT if sliders[0].get_property("value") == sliders[0].get_property("max") else Keys.ARROW_RIGHT
        held = sliders[0].get_attribute("aria-valuetext")
        sliders[0].send_keys(key)
        self.assertNotEqual(page.within("sharpe by", "input[type=range]")[0].get_attribute("aria-valuetext"), held)
        self.assertNotEqual(page.js("return arguments[0].toDataURL()", page.canvas("sharpe by")), before)
        self.assertEqual(len(page.within("Neighbourhood", "tbody tr")), 4)

    def test_cells_that_failed_are_counted_and_left_out_of_neighbourhoods(self):
        page = self.page
        page.read(failed())
        places = data_of(failed())["sweep"]
        fast, slow = (axis["values"] for axis in places["axes"])
        wrong = sum(one >= other for one in fast for other in slow)
        self.assertIn(f"failed: {wrong}", page.text("#sweep .chart-legend"))
        self.assertIn("without a value", page.text("#sweep"))

    def test_results_whose_data_are_gone_still_show_the_sweep_and_say_why(self):
        page = self.page
        page.read(gone())
        self.assertIn("∞", page.text("#sweep"), "a profit factor without losses is infinite, and known")
        self.assertRegex(page.text(".notes"), "equity, trades and prices are not here.*`bars`")
        for name in ("equity", "trades", "months", "summary"):
            self.assertEqual(page.all(f"#{name}"), [], name)
        self.assertTrue(page.cell())
        self.assertNotIn("NaN", page.text("body"))

    def test_parts_that_are_missing_are_not_spoken_of(self):
        page = self.page

        def change(data):
            data["months"]["months"] = [None] * len(data["months"]["months"])
            data["trades"].pop("reason", None)
            data.get("verdict", {}).pop("facts", None)
            for name in ("command", "benchmark", "equity"):
                data.pop(name, None)

        page.read(changed("missing", sweep(), change))
        self.assertEqual(page.text(".command"), "")
        self.assertEqual([cell.text for cell in page.all(".chart-months td:not(.chart-total)") if cell.text], [])
        self.assertEqual([node.text for node in page.within("List of trades", "thead th") if node.text == "reason"], [])
        for word in ("NaN", "undefined", "null"):
            self.assertNotIn(word, page.text("body"))
        for name in ("times", "bars", "trades"):
            page.read(changed("without", sweep(), lambda data: data.pop(name)))
            self.assertTrue(page.all("#receipt"), name)

    def test_texts_of_strangers_stay_texts(self):
        page = self.page

        def change(data):
            data["title"] = data["subtitle"] = data["notes"] = MARKUP
            data["notes"] = [MARKUP]
            data["bars"]["symbol"] = MARKUP
            data["sweep"]["axes"][0]["name"] = f"{MARKUP}\u202e"
            data["sweep"]["metrics"][0]["name"] = MARKUP
            data["receipt"].append([MARKUP, MARKUP])

        page.read(changed("stranger", sweep(), change))
        self.assertEqual(page.browser.title, MARKUP)
        self.assertEqual(page.text("h1"), MARKUP)
        self.assertEqual(page.all("img"), [])
        self.assertEqual(len(page.all("script")), 2)
        self.assertIn(f"{MARKUP}\ufffd", page.cell())
        # A shell takes the name as a part of one word, with whatever quotes it has.
        words = subprocess.run(["sh", "-c", f"printf '%s\\n' {page.text('.command')}"], capture_output=True, text=True).stdout
        self.assertTrue(any(word.startswith(f"{MARKUP}\ufffd=15") for word in words.split("\n")), words)

    def test_files_that_are_saved_have_the_numbers_and_stand_alone(self):
        page = self.page
        host("backtest", "--quiet", *BEST, "--equity", "equity.csv")
        page.read(best())
        saved, known = rows(page.saved("Equity", "CSV")), rows((FOLDER / "equity.csv").read_text())
        self.assertEqual(len(saved), len(known))
        for n in (0, len(known) // 2, len(known) - 1):
            self.assertEqual(saved[n]["time"], known[n]["time"][:10])
            self.assertAlmostEqual(float(saved[n]["strategy"]) / float(known[n]["equity"]), 1, delta=1e-6)
        page.read(sweep())
        titles = ["Equity", "Monthly", "and trades", "Returns of trades", "sharpe by", "Neighbourhood", "along each", "Parallel"]
        titles += ["Combinations", "Importance", "against each other"]
        for title in titles:
            image = page.saved(title, "SVG")
            drawing = ElementTree.fromstring(image)
            self.assertEqual(drawing.tag, "{http://www.w3.org/2000/svg}svg")
            self.assertGreater(len(list(drawing.iter())), 15, title)
            self.assertIn(title, "".join(drawing.itertext()))
            for word in ("NaN", "light-dark", "var(", "<script"):
                self.assertNotIn(word, image, title)

    def test_paper_has_everything(self):
        page = self.page
        page.size(1280, 1000, dark=True)
        page.read(best())
        page.js(
            "addEventListener('beforeprint', () => { window.printed ="
            " [document.querySelectorAll('#trades tbody tr').length, document.querySelectorAll('.chart-paper-image').length] })"
        )
        paper = base64.b64decode(page.browser.print_page())
        self.assertTrue(paper.startswith(b"%PDF"))
        self.assertGreater(len(re.findall(rb"/Type\s*/Page\b", paper)), 3)
        trades = len(data_of(best())["trades"]["entry"])
        self.assertEqual(page.js("return printed"), [trades, len(page.all("canvas.chart-canvas"))])
        self.assertEqual(page.all(".chart-paper-image"), [])
        self.assertEqual(len(page.all("#trades tbody tr")), 25)

    def test_paper_says_how_many_of_very_many_trades_it_leaves_out(self):
        page = self.page

        def change(data):
            data["trades"] = {name: column * 10 for name, column in data["trades"].items()}

        path = changed("many", best(), change)
        page.read(path)
        count = len(data_of(path)["trades"]["entry"])
        page.js("dispatchEvent(new Event('beforeprint'))")
        self.assertEqual(len(page.all("#trades tbody tr")), 1000)
        self.assertIn(f"{count - 1000:,} are left out", page.text("#trades"))

    def test_light_is_light_and_dark_is_dark(self):
        page = self.page
        drawn = set()
        for dark in (False, True):
            page.size(1280, 1000, dark)
            page.read(sweep())
            colour = page.js("return getComputedStyle(document.body).backgroundColor")
            self.assertEqual(sum(int(part) for part in re.findall(r"\d+", colour)[:3]) < 3 * 128, dark)
            drawn.add(page.js("return arguments[0].toDataURL()", page.canvas("Equity")))
        page.screen("report-sweep-dark")
        self.assertEqual(len(drawn), 2)

    def test_nothing_is_wider_than_a_phone(self):
        page = self.page
        for maker in ALL:
            with self.subTest(maker().stem):
                page.size(400, 900)
                page.read(maker())
                self.assertLessEqual(page.js("return document.documentElement.scrollWidth"), 400)
                page.screen(f"report-{maker().stem}-phone")

    def test_an_audit_of_accessibility_finds_nothing_serious(self):
        page = self.page
        for maker, dark in ((sweep, False), (sweep, True), (gone, True)):
            with self.subTest(maker().stem, dark=dark):
                page.size(1280, 1000, dark)
                page.read(maker())
                page.press("sharpe by", "Table")
                self.assertEqual(page.audit(), [])

    def test_a_report_works_in_a_sandboxed_frame_as_in_a_notebook(self):
        page = self.page
        page.open("about:blank")
        page.js(
            "const frame = document.createElement('iframe'); frame.sandbox = 'allow-scripts'; frame.width = 900;"
            "frame.srcdoc = arguments[0]; document.body.append(frame)",
            best().read_text(),
        )
        page.browser.switch_to.frame(page.find("iframe"))
        page.wait("the report is built", lambda: page.js("return document.documentElement.dataset.built"))
        self.assertTrue(page.all("figure"))
        page.browser.switch_to.default_content()

    def test_a_column_that_cannot_be_read_is_said(self):
        page = self.page
        path = changed("broken", best(), lambda data: data["equity"].update(data="AAAA"))
        page.open(path.as_uri())
        page.wait_text("[role=alert]", "the column data.equity cannot be read")
        self.assertEqual(len(page.errors()), 1)
