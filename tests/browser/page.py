"""What a person does on the page of `host serve`, done by a browser. Any error on its console fails a test."""

import json
import os
import re
import shutil
import subprocess
import tempfile
import threading
import unittest
import urllib.request
from pathlib import Path

from selenium import webdriver
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.support.expected_conditions import alert_is_present
from selenium.webdriver.support.ui import Select

from browser import PATIENCE, Browser

HOST, PLUGINS = os.environ["HOST"], Path(os.environ["PLUGINS"])
FIXTURES = Path(__file__).resolve().parents[1] / "plugins"
TOKEN = "a-token-of-the-browser-test"


def component(name):
    """The committed component of a bundled plugin or of a fixture."""
    paths = [folder / name / f"{name}.wasm" for folder in (PLUGINS, FIXTURES)]
    return next(path for path in paths if path.exists()).read_bytes()


class Server:
    """A real `host serve` on a free port, with folders of its own."""

    def __init__(self, plugins, listen="127.0.0.1:0", token=None):
        self.folder = Path(tempfile.mkdtemp(prefix="host-page-"))
        self.plugins = self.folder / "plugins"
        self.plugins.mkdir()
        for name in plugins:
            self.put(name, component(name))
        command = [HOST, "serve", "--plugins", self.plugins, "--state", self.folder / "state", "--listen", listen]
        own = {"HOST_TOKEN": token} if token else {}
        self.process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env={**os.environ, **own})
        self.said = []
        self.address = self.wait_for_address()
        # What it says later is read on, so that it never waits for a full pipe.
        threading.Thread(target=lambda: self.said.extend(self.process.stderr), daemon=True).start()

    def wait_for_address(self):
        for line in self.process.stderr:
            self.said.append(line)
            if found := re.search(r"listening on http://\S+:(\d+)", line):
                return f"http://127.0.0.1:{found[1]}"
        raise AssertionError(f"`host serve` ended before it listened: {''.join(self.said)}")

    def put(self, name, content):
        """Saves a file as editors and compilers do: under another name first."""
        temporary = self.plugins / f".{name}.tmp"
        temporary.write_bytes(content)
        temporary.rename(self.plugins / f"{name}.wasm")

    def get(self, path):
        with urllib.request.urlopen(self.address + path, timeout=PATIENCE) as answer:
            return answer.read().decode()

    def stop(self):
        self.process.terminate()
        self.process.wait(PATIENCE)
        self.process.stderr.close()
        shutil.rmtree(self.folder)


class Page(Browser):
    """The page of the server."""

    def select(self, css, text):
        self.wait(f"`{text}` in {css}", lambda: text in [option.text for option in Select(self.find(css)).options])
        Select(self.find(css)).select_by_visible_text(text)

    def type(self, css, text):
        field = self.find(css)
        field.clear()
        field.send_keys(text)

    def field(self, parameter):
        return f'#parameters input[name="{parameter}"]'

    def fill(self, plugin, axes, **more):
        """Fills the form; `more` are fields by their ids."""
        self.select("#plugin", plugin)
        for parameter, values in axes.items():
            self.wait(f"a field for `{parameter}`", lambda name=parameter: self.all(self.field(name)))
            if isinstance(values, str):
                self.type(self.field(parameter), values)
                continue
            for box in self.all(self.field(parameter)):
                if (box.get_attribute("value") in values) != box.is_selected():
                    box.click()
        self.js("document.getElementById('more').open = true")
        for id in ("constraints", "require", "sample"):
            self.type(f"#{id}", more.get(id, ""))
        Select(self.find("#objective")).select_by_value(more.get("objective", "sharpe"))

    def start(self):
        """Starts what the form holds and returns the number of the sweep."""
        before = self.shown()
        self.find("#submit").click()
        self.wait("a new sweep", lambda: self.shown() != before or self.text("#start-error"))
        assert not self.text("#start-error"), self.text("#start-error")
        return self.shown()

    def shown(self):
        """The number of the sweep that is shown."""
        return self.text("#sweep-title") and int(self.find("#sweep").get_attribute("data-sweep"))

    def wait_state(self, state):
        self.wait_text("#sweep-state", state)

    def wait_map(self):
        self.wait("a map", lambda: self.text("#legend"))

    def picture(self):
        """What is drawn, as text that differs where the drawing does."""
        return self.js("return document.getElementById('map-canvas').toDataURL()")


class PageTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.server = Server(["momentum", "sma_cross", "faulty"])
        cls.page = Page()

    @classmethod
    def tearDownClass(cls):
        cls.page.quit()
        cls.server.stop()

    def setUp(self):
        self.expected = []
        self.page.size(1280, 1000)
        self.page.open(self.server.address)
        self.page.wait_text("#connection", "connected")

    def tearDown(self):
        errors = [error for error in self.page.errors() if not any(part in error for part in self.expected)]
        self.assertEqual(errors, [], "errors on the console")

    def sweep(self, plugin, axes, **more):
        self.page.fill(plugin, axes, **more)
        id = self.page.start()
        self.page.wait_state("finished")
        return id

    def plugin(self, name):
        return f'#plugin-rows [data-plugin="{name}"]'

    def hash(self, name):
        return self.page.text(f"{self.plugin(name)} .build")

    def test_a_sweep_is_started_from_what_the_plugin_declares_and_shown_when_it_ends(self):
        page = self.page
        page.select("#plugin", "momentum")
        page.wait_text("#parameters", "bars to look back")
        self.assertEqual(page.find(page.field("lookback")).get_attribute("placeholder"), "default 120")
        page.fill("momentum", {"lookback": "20..200:10", "threshold": "0..0.1:0.02", "short": ["false", "true"]})
        self.assertEqual(page.text("#count"), "228 combinations")
        id = page.start()
        page.wait_state("finished")
        page.wait_text("#sweep-progress", "228 of 228")
        self.assertEqual(page.text("#sweep-title"), f"Sweep {id}: momentum on msft")
        page.wait("a ranking", lambda: len(page.all("#ranking tbody tr")) == 10)
        best = [cell.text for cell in page.all("#ranking tbody tr:first-child td")]
        sweep = json.loads(self.server.get(f"/sweeps/{id}"))
        params = sweep["ranking"][0]["params"]
        self.assertEqual(best[:2], ["1", str(params["lookback"])])
        self.assertIn(str(params["lookback"]), page.text("#best"))
        page.wait_map()
        page.screen("sweep")

    def test_the_count_beside_the_button_is_what_the_server_runs(self):
        page = self.page
        for lookback, threshold in [
            ("1..100/5", "0..0.3:0.1"),
            ("1..100/20:log", "0.001..1/4:log"),
            ("5, 10 ,20", "1e-2..5e-2:1e-2"),
            ("7..9", "0..1/3"),
            ("20", ""),
        ]:
            with self.subTest(lookback=lookback, threshold=threshold):
                id = self.sweep("momentum", {"lookback": lookback, "threshold": threshold, "short": []})
                total = json.loads(self.server.get(f"/sweeps/{id}"))["total"]
                self.assertEqual(page.text("#count"), f"{total} combination{'s' if total > 1 else ''}")

    def test_the_map_follows_its_slider_and_its_choices(self):
        page = self.page
        self.sweep("momentum", {"lookback": "20..200:20", "threshold": "0..0.1:0.02", "short": ["false", "true"]})
        page.wait_map()
        self.assertEqual(page.text("#map-title"), "Map: sharpe by lookback and threshold")
        drawn = {page.picture()}
        slider = page.find("#map-held input[type=range]")
        slider.send_keys(Keys.ARROW_RIGHT if slider.get_attribute("value") == "0" else Keys.ARROW_LEFT)
        page.wait("another layer", lambda: page.picture() not in drawn)
        drawn.add(page.picture())
        Select(page.find("#map-controls select")).select_by_visible_text("threshold")
        page.wait("the axes to have swapped", lambda: page.picture() not in drawn)
        self.assertEqual(page.text("#map-title"), "Map: sharpe by threshold and lookback")
        drawn.add(page.picture())
        Select(page.all("#map-controls select")[2]).select_by_visible_text("max_drawdown")
        page.wait_text("#map-title", "max_drawdown by threshold and lookback")
        page.wait("other colours", lambda: page.picture() not in drawn)
        self.assertIn("%", page.text("#legend"))

    def test_a_cell_of_the_map_is_found_by_keys_and_by_pointer(self):
        page = self.page
        id = self.sweep("momentum", {"lookback": "20..200:20", "threshold": "0..0.1:0.02"})
        page.wait_map()
        canvas = page.find("#map-canvas")
        canvas.send_keys(Keys.ARROW_RIGHT)
        page.wait_text("#map-tip", "sharpe")
        canvas.send_keys(Keys.ENTER)
        best = json.loads(self.server.get(f"/sweeps/{id}"))["best"]["params"]
        page.wait_text("#picked", f"lookback\n{best['lookback']}")
        self.assertIn("max drawdown", page.text("#picked"))
        webdriver.ActionChains(page.browser).move_to_element(canvas).click().perform()
        page.wait("the cell under the pointer", lambda: page.text("#map-tip"))
        page.screen("cell")

    def test_a_sweep_of_one_parameter_is_drawn_as_bars(self):
        page = self.page
        self.sweep("sma_cross", {"fast": "", "slow": "30..200:5"})
        page.wait_map()
        self.assertEqual(page.text("#map-title"), "Map: sharpe by slow")
        page.screen("bars")

    def test_failed_cells_are_hatched_counted_and_explained(self):
        page = self.page
        self.sweep("faulty", {"behaviour": ["fine", "panic", "refuse", "fail"], "seed": "0..11"})
        page.wait_map()
        page.wait_text("#failures", "12 × panic")
        self.assertIn("this cell was told to panic", page.text("#failures"))
        self.assertIn("failed: 36", page.text("#legend"))
        page.find("#map-canvas").send_keys(Keys.ARROW_DOWN, Keys.HOME, Keys.ARROW_UP)
        page.wait_text("#map-tip", "sharpe")
        page.screen("failures")

    def test_a_swapped_plugin_is_seen_and_its_sweep_started_again(self):
        page, server = self.page, self.server
        page.wait("a build", lambda: self.hash("sma_cross"))
        old = self.hash("sma_cross")
        first = self.sweep("sma_cross", {"fast": "5..20:5", "slow": "40..100:10"}, constraints="fast < slow", require="trades >= 1")
        self.assertIn(old, page.text("#facts"))
        self.assertEqual(page.text("#swapped"), "")
        server.put("sma_cross", component("sma_rolling"))
        page.wait("the new build", lambda: self.hash("sma_cross") not in ("", old))
        new = self.hash("sma_cross")
        page.wait_text("#log", "swapped")
        self.assertIn(f"{old} → {new}", page.text("#log"))
        page.wait_text("#swapped", "sma_cross has been swapped since")
        self.assertIn(old, page.text("#facts"), "a sweep keeps the build that it was computed with")
        page.screen("swapped")
        page.type(page.field("fast"), "7")
        page.find("#swapped button").click()
        page.wait("a sweep of the new build", lambda: page.shown() != first)
        page.wait_state("finished")
        self.assertIn(new, page.text("#facts"))
        self.assertEqual(page.text("#swapped"), "")
        self.assertEqual(page.find(page.field("fast")).get_property("value"), "5..20:5", "the form holds the same grid")
        sweeps = [json.loads(server.get(f"/sweeps/{id}")) for id in (first, page.shown())]
        self.assertEqual(sweeps[0]["total"], sweeps[1]["total"])
        self.assertEqual([sweep["plugin_hash"][:12] for sweep in sweeps], [old, new])

    def test_a_bad_build_is_refused_in_words_and_the_one_before_serves(self):
        page, server = self.page, self.server
        page.wait("a build", lambda: self.hash("momentum"))
        good = self.hash("momentum")
        server.put("momentum", b"this is no component")
        page.wait_text(f"{self.plugin('momentum')} .error", "refused")
        self.assertEqual(self.hash("momentum"), good)
        page.wait_text("#log", "refused")
        page.screen("refused")
        self.sweep("momentum", {"lookback": "20..60:20", "threshold": "", "short": []})
        self.assertIn(good, page.text("#facts"))
        server.put("momentum", component("momentum"))
        page.wait("the refusal to go", lambda: not page.text(f"{self.plugin('momentum')} .error"))

    def test_a_first_build_that_is_refused_is_shown_without_a_version(self):
        page, server = self.page, self.server
        server.put("broken", b"")
        page.wait_text(self.plugin("broken"), "does not serve")
        self.assertNotIn("broken", [option.text for option in Select(page.find("#plugin")).options])
        (server.plugins / "broken.wasm").unlink()

    def test_what_the_server_does_not_take_stands_beside_the_form(self):
        page = self.page
        self.expected = ["/sweeps - Failed to load resource"]
        page.fill("momentum", {"lookback": "20..3000:10", "threshold": "", "short": []})
        page.find("#submit").click()
        page.wait_text("#start-error", "lookback")
        self.assertEqual(page.find(page.field("lookback")).get_attribute("aria-invalid"), "true")
        self.assertEqual(page.browser.switch_to.active_element.get_attribute("name"), "lookback")
        page.screen("error")

    def test_what_is_typed_stays_while_the_page_goes_on_asking(self):
        page = self.page
        page.fill("momentum", {"lookback": "20..60:20", "threshold": "", "short": []})
        field = page.find(page.field("lookback"))
        field.send_keys(",")
        self.server.put("other", component("sma_cross"))
        page.wait_text("#plugin-rows", "other")
        self.assertEqual(field.get_property("value"), "20..60:20,")
        self.assertEqual(page.browser.switch_to.active_element, field)
        self.assertEqual(Select(page.find("#plugin")).first_selected_option.text, "momentum")

    def test_a_sweep_that_runs_can_be_cancelled_and_one_that_has_ended_removed(self):
        page = self.page
        page.fill("sma_cross", {"fast": "1..900", "slow": "901..1900"})
        self.assertEqual(page.text("#count"), "900,000 combinations")
        id = page.start()
        page.wait_state("running")
        page.wait("some progress", lambda: page.find("#sweep-progress progress").get_property("value") > 0)
        page.screen("running")
        page.find("#sweep-remove").click()
        page.wait_state("cancelled")
        page.wait_text("#downloads", "CSV")
        page.find("#sweep-remove").click()
        page.wait("a question", lambda: alert_is_present()(page.browser))
        page.browser.switch_to.alert.accept()
        page.wait("the sweep to go", lambda: not page.all(f'#sweep-rows [data-sweep="{id}"]'))

    def test_every_metric_of_a_result_can_be_chosen(self):
        page = self.page
        id = self.sweep("sma_cross", {"fast": "5,10", "slow": ""})
        columns = self.server.get(f"/sweeps/{id}/results?format=csv").splitlines()[0].split(",")
        # Between the message of a failure and what the strategy has logged.
        metrics = columns[columns.index("error_message") + 1 : columns.index("log")]
        offered = [option.get_attribute("value") for option in Select(page.find("#objective")).options]
        self.assertEqual(sorted(offered), sorted(metrics))

    def test_nothing_is_wider_than_a_phone_and_the_dark_is_dark(self):
        page = self.page
        self.sweep("momentum", {"lookback": "10..240:10", "threshold": "0..0.19:0.01", "short": ["false", "true"]})
        page.wait_map()
        for name, width, dark in [("desk-dark", 1280, True), ("phone", 400, False), ("phone-dark", 400, True)]:
            page.size(width, 1000, dark)
            wide = page.js("return document.documentElement.scrollWidth")
            self.assertLessEqual(wide, width)
            colour = page.js("return getComputedStyle(document.body).backgroundColor")
            light = sum(int(part) for part in re.findall(r"\d+", colour)[:3]) > 3 * 128
            self.assertEqual(light, not dark)
            page.screen(name)


class TokenTest(unittest.TestCase):
    def test_a_token_is_asked_for_once_and_sweeps_run_with_it(self):
        server, page = Server(["sma_cross"], "0.0.0.0:0", TOKEN), Page()
        self.addCleanup(server.stop)
        self.addCleanup(page.quit)
        page.open(server.address)
        page.wait_text("#token-form", "token")
        page.type("#token", "not-the-token-of-this")
        page.find("#token").send_keys(Keys.ENTER)
        page.wait_text("#connection", "not taken")
        page.type("#token", TOKEN)
        page.find("#token").send_keys(Keys.ENTER)
        page.wait_text("#connection", "connected")
        self.assertEqual(page.text("#token-form"), "")
        page.fill("sma_cross", {"fast": "5..20:5", "slow": "30..60:10"})
        page.start()
        page.wait_state("finished")
        page.wait_map()
        errors = [error for error in page.errors() if "401" not in error]
        self.assertEqual(errors, [])
