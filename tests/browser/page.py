"""What a person does on the page of `host serve`, done by a browser."""

import json
import os
import re
import shutil
import subprocess
import tempfile
import threading
import urllib.request
from pathlib import Path
from urllib.parse import quote

from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.support.expected_conditions import alert_is_present
from selenium.webdriver.support.ui import Select

from browser import PATIENCE, Browser, BrowserTest

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

    def form(self):
        """Opens the form, if it is not open, with all of its parts."""
        if not self.text("#start"):
            self.find("#new-sweep").click()
            self.wait("the form", lambda: self.text("#start"))
        self.js("document.querySelectorAll('#settings details').forEach((part) => { part.open = true })")

    def fill(self, plugin, axes, objective="sharpe", **settings):
        """Fills the form; `settings` are fields by their ids, without what all of them begin with."""
        self.form()
        self.select("#plugin", plugin)
        for parameter, values in axes.items():
            self.wait(f"a field for `{parameter}`", lambda name=parameter: self.all(self.field(name)))
            if isinstance(values, str):
                self.type(self.field(parameter), values)
                continue
            for box in self.all(self.field(parameter)):
                if (box.get_attribute("value") in values) != box.is_selected():
                    box.click()
        self.js("document.querySelectorAll('#settings :is(input, select)').forEach((field) => { field.value = '' })")
        for id, value in settings.items():
            field = self.find(f"#field-{id}")
            if field.tag_name == "select":
                Select(field).select_by_value(value)
            else:
                field.send_keys(value)
        Select(self.find("#objective")).select_by_value(objective)

    def start(self):
        """Starts what the form holds and returns the number of the sweep."""
        self.find("#submit").click()
        self.wait("a new sweep", lambda: self.shown() or self.text("#start-error"))
        assert not self.text("#start-error"), self.text("#start-error")
        return self.shown()

    def shown(self):
        """The number of the sweep that is shown."""
        return self.text("#sweep-title") and int(self.find("#sweep").get_attribute("data-sweep"))

    def go(self, hash):
        self.js("location.hash = arguments[0]", hash)

    def address(self):
        return self.js("return location.hash")

    def panel(self, name):
        """Opens a part of the sweep that is shown."""
        self.wait(f"the part {name}", lambda: name in self.text("#panels"))
        next(link for link in self.all("#panels a") if link.text.startswith(name)).click()

    def wait_state(self, state):
        self.wait_text("#sweep-state", state)

    def wait_combinations(self):
        """Waits for the table of all combinations."""
        self.wait("the combinations", lambda: self.all("#explorer tbody tr"))

    def within(self, css):
        """The text of an element, also while it is not seen."""
        return self.js("return document.querySelector(arguments[0])?.textContent ?? ''", css)

    def active(self):
        """The id of what has the focus."""
        return self.js("return document.activeElement.id")

    def drawer(self):
        self.find("#plugins-open").click()
        self.wait("the drawer", lambda: self.text("#plugins"))

    def close_drawer(self):
        self.find("#plugins-close").click()
        self.wait("the drawer to close", lambda: not self.text("#plugins"))


class PageTest(BrowserTest):
    @classmethod
    def setUpClass(cls):
        cls.server = Server(["momentum", "sma_cross", "faulty"])
        cls.page = Page()

    @classmethod
    def tearDownClass(cls):
        cls.page.quit()
        cls.server.stop()

    def setUp(self):
        self.page.size(1280, 800)
        self.page.open(self.server.address)
        self.page.wait_text("#connection", "connected")

    def sweep(self, plugin, axes, **more):
        self.page.fill(plugin, axes, **more)
        id = self.page.start()
        self.page.wait_state("finished")
        return id

    def known(self, id):
        """What the server says of a sweep."""
        return json.loads(self.server.get(f"/sweeps/{id}"))

    def plugin(self, name):
        return f'#plugin-rows [data-plugin="{name}"]'

    def hash(self, name):
        return self.page.within(f"{self.plugin(name)} .build")

    def test_a_sweep_is_started_from_what_the_plugin_declares_and_shown_when_it_ends(self):
        page = self.page
        page.form()
        page.select("#plugin", "momentum")
        page.wait_text("#parameters", "bars to look back")
        self.assertEqual(page.find(page.field("lookback")).get_attribute("placeholder"), "default 120")
        page.fill("momentum", {"lookback": "20..200:10", "threshold": "0..0.1:0.02", "short": ["false", "true"]})
        self.assertEqual(page.text("#count"), "228 combinations")
        id = page.start()
        self.assertEqual(page.address(), f"#{id}")
        page.wait_state("finished")
        page.wait_text("#sweep-progress", "228 of 228")
        self.assertEqual(page.text("#sweep-title"), f"Sweep {id}: momentum on msft")
        params = self.known(id)["ranking"][0]["params"]
        self.assertIn(f"lookback {params['lookback']}", page.text("#best"))
        page.wait_combinations()
        first = page.all("#explorer tbody tr")[0].text
        self.assertIn(str(params["lookback"]), first.split())
        page.screen("sweep")

    def test_the_results_are_on_the_first_screen(self):
        page = self.page
        self.sweep("sma_cross", {"fast": "5..20:5", "slow": "40..100:10"})
        page.open(self.server.address)
        page.wait_combinations()
        for css in ("#sweep-rows li", "#sweep-title", "#best", "#explorer tbody tr:nth-child(3)"):
            bottom = page.js("return document.querySelector(arguments[0]).getBoundingClientRect().bottom", css)
            self.assertLess(bottom, 800, css)

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
                page.fill("momentum", {"lookback": lookback, "threshold": threshold, "short": []})
                count = page.text("#count")
                id = page.start()
                page.wait_state("finished")
                total = self.known(id)["total"]
                self.assertEqual(count, f"{total} combination{'s' if total > 1 else ''}")

    def test_another_plugin_is_chosen_without_a_word_on_the_console(self):
        page = self.page
        page.form()
        known = (("momentum", "lookback"), ("faulty", "behaviour"), ("sma_cross", "fast"), ("momentum", "threshold"))
        for plugin, parameter in known:
            page.select("#plugin", plugin)
            page.wait("its parameters", lambda name=parameter: page.all(page.field(name)))
        page.find("#plugin").send_keys("s")
        page.wait("its parameters, chosen by a key", lambda: page.all(page.field("slow")))
        self.assertEqual(page.browser.get_log("browser"), [])

    def test_a_row_opens_its_combination_and_back_leads_back(self):
        page = self.page
        id = self.sweep("momentum", {"lookback": "20..200:20", "threshold": "0..0.1:0.02"})
        page.wait_combinations()
        page.all("#explorer tbody tr")[1].find_element(By.CSS_SELECTOR, "td").click()
        page.wait("its address", lambda: page.address().startswith(f"#{id}/cell/"))
        page.wait_text("#cell", "rank 2")
        page.screen("cell")
        page.browser.back()
        page.wait("the combinations", lambda: page.text("#explorer") and not page.text("#cell"))
        self.assertEqual(page.address(), f"#{id}")

    def test_addresses_lead_to_what_they_name(self):
        page = self.page
        first = self.sweep("sma_cross", {"fast": "5,10", "slow": "40,60"})
        second = self.sweep("sma_cross", {"fast": "5,20", "slow": "40,60"})
        for hash, css, part in [
            (f"#{first}", "#sweep-title", f"Sweep {first}"),
            (f"#{first}/run", "#run", "generation"),
            (f"#{first}/failures", "#failures-panel", "Nothing failed"),
            (f"#{first}/cell/fast%3D5%2Cslow%3D40", "#cell", "fast 5, slow 40"),
            (f"#{first}/vs/{second}", "#pair", f"{second}"),
            (f"#{first}/vs/99999", "#unready", "There is no sweep 99999"),
            ("#new", "#start", "Parameters"),
            ("#99999", "#missing", "There is no sweep 99999"),
        ]:
            with self.subTest(hash):
                page.open(f"{self.server.address}/{hash}")
                page.wait_text(css, part)
        page.go(f"#{first}")
        page.wait_text("#sweep-title", f"Sweep {first}")
        page.panel("Run")
        page.wait_text("#run", "command line")
        page.find("#new-sweep").click()
        page.wait_text("#start", "Parameters")
        page.browser.back()
        page.wait_text("#run", "command line")
        page.browser.back()
        page.wait("the combinations", lambda: not page.text("#run"))
        self.assertEqual(page.address(), f"#{first}")

    def test_two_sweeps_are_compared_by_a_choice(self):
        page = self.page
        first = self.sweep("sma_cross", {"fast": "5..20:5", "slow": "40,60"})
        second = self.sweep("sma_cross", {"fast": "5..20:5", "slow": "40,60"}, **{"account-commission_bps": "10"})
        page.wait("a choice", lambda: page.text("#compare"))
        Select(page.find("#compare")).select_by_value(str(first))
        page.wait("its address", lambda: page.address() == f"#{second}/vs/{first}")
        page.wait_text("#pair", "commission bps")
        page.screen("pair")

    def test_failures_are_counted_and_explained(self):
        page = self.page
        id = self.sweep("faulty", {"behaviour": ["fine", "panic", "refuse", "unsorted", "out-of-range"], "seed": "0..11"})
        page.panel("Failures")
        page.wait_text("#failures", "12 × panic")
        self.assertIn("this cell was told to panic", page.text("#failures"))
        # Two causes are of the same kind.
        self.assertEqual(sorted(len(kind["causes"]) for kind in self.known(id)["failures"]), [1, 1, 2])
        self.assertEqual(len(page.all("#failures li")), 4)
        self.assertIn("48", page.text("#panels"))
        page.screen("failures")

    def test_the_drawer_is_used_by_keys_and_gives_the_focus_back(self):
        page = self.page
        page.find("#plugins-open").send_keys(Keys.ENTER)
        page.wait_text("#plugins", "momentum")
        self.assertEqual(page.active(), "plugins-close")
        for _ in range(6):
            page.browser.switch_to.active_element.send_keys(Keys.TAB)
            inside = "return document.activeElement === document.body || plugins.contains(document.activeElement)"
            self.assertTrue(page.js(inside))
        page.screen("drawer")
        page.browser.switch_to.active_element.send_keys(Keys.ESCAPE)
        page.wait("the drawer to close", lambda: not page.text("#plugins"))
        self.assertEqual(page.active(), "plugins-open")

    def test_a_swapped_plugin_is_seen_and_its_sweep_started_again(self):
        page, server = self.page, self.server
        page.wait("a build", lambda: self.hash("sma_cross"))
        old = self.hash("sma_cross")
        axes = {"fast": "5..20:5", "slow": "40..100:10"}
        first = self.sweep("sma_cross", axes, constraints="fast < slow", require="trades >= 1")
        self.assertIn(old, page.within("#facts"))
        self.assertEqual(page.text("#swapped"), "")
        server.put("sma_cross", component("sma_rolling"))
        page.wait("the new build", lambda: self.hash("sma_cross") not in ("", old))
        new = self.hash("sma_cross")
        page.drawer()
        page.wait_text("#log", "swapped")
        self.assertIn(f"{old} → {new}", page.text("#log"))
        page.close_drawer()
        page.wait_text("#swapped", "sma_cross has been swapped since")
        self.assertIn(old, page.within("#facts"), "a sweep keeps the build that it was computed with")
        page.screen("swapped")
        page.find("#swapped button").click()
        page.wait("a sweep of the new build", lambda: page.shown() != first)
        page.wait_state("finished")
        self.assertIn(new, page.within("#facts"))
        self.assertEqual(page.text("#swapped"), "")
        sweeps = [self.known(id) for id in (first, page.shown())]
        self.assertEqual(sweeps[0]["total"], sweeps[1]["total"])
        self.assertEqual([sweep["plugin_hash"][:12] for sweep in sweeps], [old, new])

    def test_a_bad_build_is_refused_in_words_and_the_one_before_serves(self):
        page, server = self.page, self.server
        page.wait("a build", lambda: self.hash("momentum"))
        good = self.hash("momentum")
        self.assertEqual(page.text("#plugins-badge"), "")
        server.put("momentum", b"this is no component")
        page.wait_text("#plugins-badge", "1")
        page.drawer()
        page.wait_text(f"{self.plugin('momentum')} .error", "refused")
        self.assertEqual(self.hash("momentum"), good)
        page.wait_text("#log", "refused")
        page.screen("refused")
        page.close_drawer()
        self.sweep("momentum", {"lookback": "20..60:20", "threshold": "", "short": []})
        self.assertIn(good, page.within("#facts"))
        server.put("momentum", component("momentum"))
        page.wait("the refusal to go", lambda: not page.text("#plugins-badge"))

    def test_a_first_build_that_is_refused_is_shown_without_a_version(self):
        page, server = self.page, self.server
        server.put("broken", b"")
        page.drawer()
        page.wait_text(self.plugin("broken"), "does not serve")
        page.close_drawer()
        self.assertNotIn("broken", [option.text for option in Select(page.find("#plugin")).options])
        (server.plugins / "broken.wasm").unlink()
        page.wait("it to go", lambda: not page.text("#plugins-badge"))

    def test_what_the_server_does_not_take_stands_beside_the_form(self):
        page = self.page
        self.expected = ["/sweeps - Failed to load resource"]
        page.fill("momentum", {"lookback": "20..3000:10", "threshold": "", "short": []})
        page.find("#submit").click()
        page.wait_text("#start-error", "lookback")
        self.assertEqual(page.find(page.field("lookback")).get_attribute("aria-invalid"), "true")
        self.assertEqual(page.browser.switch_to.active_element.get_attribute("name"), "lookback")
        page.screen("error")
        page.fill("momentum", {"lookback": "20", "threshold": ""}, **{"account-initial_cash": "-5"})
        page.js("document.querySelectorAll('#settings details').forEach((part) => { part.open = false })")
        page.find("#submit").click()
        page.wait_text("#start-error", "initial_cash")
        self.assertEqual(page.active(), "field-account-initial_cash")

    def test_what_is_typed_stays_while_the_page_goes_on_asking(self):
        page = self.page
        page.fill("momentum", {"lookback": "20..60:20", "threshold": "", "short": []})
        field = page.find(page.field("lookback"))
        field.send_keys(",")
        self.server.put("other", component("sma_cross"))
        page.wait("the other plugin", lambda: "other" in page.within("#plugin-rows"))
        self.assertEqual(field.get_property("value"), "20..60:20,")
        self.assertEqual(page.browser.switch_to.active_element, field)
        self.assertEqual(Select(page.find("#plugin")).first_selected_option.text, "momentum")

    def test_the_settings_of_the_form_reach_the_request_and_come_back(self):
        page = self.page
        settings = {
            "account-initial_cash": "50000",
            "account-commission_bps": "2.5",
            "account-fill": "close",
            "account-rules-at_end": "close",
            "account-rules-gaps": "open",
            "exits-stop_loss": "2%, 5.5%",
            "exits-trailing_stop": "1%..3%:0.5%",
            "period-from": "1990-01-01",
            "period-to": "2010-12-31",
            "split": "70%",
            "returns": "day",
            "require": "trades >= 1",
        }
        id = self.sweep("sma_cross", {"fast": "5..20:5", "slow": "40..100:20"}, objective="sortino", **settings)
        sweep = self.known(id)
        account = {"initial_cash": 50000, "fill": "close", "commission_bps": 2.5, "rules": {"gaps": "open", "at_end": "close"}}
        self.assertEqual(sweep["request"]["account"], account)
        self.assertEqual(sweep["request"]["exits"], {"stop_loss": "2%, 5.5%", "trailing_stop": "1%..3%:0.5%"})
        self.assertEqual(sweep["total"], 16 * 2 * 5)
        self.assertEqual(page.within("#count"), "160 combinations")
        self.assertIn("stop loss 2%, 5.5%", page.within("#facts"))
        self.assertEqual(sweep["request"]["period"], {"from": "1990-01-01", "to": "2010-12-31"})
        self.assertEqual((sweep["request"]["split"], sweep["returns"], sweep["objective"]), (0.7, "day", "sortino"))
        self.assertIn("commission bps 2.5", page.within("#facts"))
        page.panel("Ranked")
        page.wait_text("#ranked-table", "out of sample")
        page.screen("ranked")
        page.find("#again").click()
        page.wait_text("#start", "Parameters")
        self.assertEqual(page.find(page.field("fast")).get_property("value"), "5..20:5")
        second = page.start()
        page.wait_state("finished")
        self.assertEqual(self.known(second)["request"], sweep["request"])

    def test_a_name_and_a_comment_are_kept(self):
        page = self.page
        id = self.sweep("sma_cross", {"fast": "5,10", "slow": "40,60"})
        page.find("#rename-open").click()
        self.assertEqual(page.active(), "rename-text")
        page.find("#rename-text").send_keys("not this", Keys.ESCAPE)
        self.assertEqual(page.text("#sweep-title"), f"Sweep {id}: sma_cross on msft")
        self.assertEqual(page.active(), "rename-open")
        page.find("#rename-open").click()
        page.find("#rename-text").send_keys("first try", Keys.ENTER)
        page.wait_text("#sweep-title", "first try")
        page.find("#comment").send_keys("with the usual costs", Keys.CONTROL, Keys.ENTER)
        page.wait_text(f'#sweep-rows [data-sweep="{id}"]', "first try")
        page.open(f"{self.server.address}/#{id}")
        page.wait_text("#sweep-title", "first try")
        page.wait("the comment", lambda: page.find("#comment").get_property("value") == "with the usual costs")
        self.assertEqual(page.browser.title, "first try – host")
        page.screen("named")

    def test_the_list_is_filtered_by_words(self):
        page = self.page
        for fast in range(5, 14):
            self.sweep("sma_cross", {"fast": str(fast), "slow": ""})
        id = self.sweep("momentum", {"lookback": "20", "threshold": "", "short": []})
        page.type("#filter", "momentum MSFT")
        rows = lambda: [row.get_attribute("data-sweep") for row in page.all("#sweep-rows li")]
        page.wait("fewer rows", lambda: str(id) in rows() and "sma_cross" not in page.text("#sweep-rows"))
        page.type("#filter", "nothing of this kind")
        page.wait_text("#filter-empty", "No sweep")

    def test_evidence_is_judged_where_returns_were_kept(self):
        page = self.page
        first = self.sweep("sma_cross", {"fast": "5..30:5", "slow": "40..100:20"})
        page.panel("Evidence")
        page.wait_text("#evidence", "has kept no returns")
        page.find("#evidence button.primary").click()
        page.wait("another sweep", lambda: page.shown() not in ("", first))
        page.wait_state("finished")
        self.assertEqual(self.known(page.shown())["returns"], "day")
        page.panel("Evidence")
        parts = {"Trust": "deflated Sharpe ratio", "Walk-forward": "Sharpe ratio of each fold", "Monte Carlo": "95 %"}
        for title, part in parts.items():
            page.find(f'[aria-label="{title}"] button').click()
            page.wait_text(f'[aria-label="{title}"] .answer', part)
        page.screen("evidence")

    def test_what_is_best_and_the_ranking_are_of_one_moment(self):
        page = self.page
        page.fill("sma_cross", {"fast": "1..300", "slow": "301..1000"})
        page.start()
        page.wait_state("running")
        page.wait("a ranking", lambda: page.all("#ranking tbody tr"))
        both = """
          const [fast, slow, value] = [...document.querySelectorAll("#ranking tbody tr:first-child td")].slice(1, 4);
          return [`fast ${fast.textContent}, slow ${slow.textContent}`, document.querySelector("#best a").textContent,
            value.textContent, document.querySelector("#best dd").textContent,
            document.querySelector("#sweep-rows [data-chosen] .value").textContent];"""
        for _ in range(60):
            params, best, value, tile, listed = page.js(both)
            self.assertEqual((best, tile, listed), (params, value, value))
        page.find("#sweep-remove").click()
        page.wait_state("cancelled")

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
        id = self.sweep("sma_cross", {"fast": "5,10", "slow": ""}, benchmark="hold")
        columns = self.server.get(f"/sweeps/{id}/results?format=csv").splitlines()[0].split(",")
        # Between the message of a failure and what the strategy has logged.
        metrics = columns[columns.index("error_message") + 1 : columns.index("log")]
        offered = [option.get_attribute("value") for option in Select(page.find("#objective")).options]
        self.assertEqual(sorted(offered), sorted(metrics))

    def places(self):
        """The addresses of everything that the page has to show, each with what tells that it is there."""
        axes = {"lookback": "10..240:10", "threshold": "0..0.19:0.01", "short": ["false", "true"]}
        id = self.sweep("momentum", axes, split="70%", returns="week")
        best = quote(self.known(id)["best"]["task_id"], safe="")
        return {
            "sweep": (f"#{id}", "#explorer tbody tr"),
            "ranked": (f"#{id}/ranked", "#ranked-table tbody tr"),
            "evidence": (f"#{id}/evidence", "#evidence section"),
            "failures": (f"#{id}/failures", "#failures-panel"),
            "run": (f"#{id}/run", "#facts dd"),
            "cell": (f"#{id}/cell/{best}", "#cell canvas"),
            "form": ("#new", "#parameters input"),
        }

    def test_nothing_is_wider_than_a_phone_and_the_dark_is_dark(self):
        page = self.page
        for name, (hash, css) in self.places().items():
            page.go(hash)
            for width, dark in [(1280, False), (1280, True), (400, False), (400, True)]:
                with self.subTest(name, width=width, dark=dark):
                    page.size(width, 800, dark)
                    page.wait(css, lambda css=css: page.text(css) or page.all(css))
                    self.assertLessEqual(page.js("return document.documentElement.scrollWidth"), width)
                    colour = page.js("return getComputedStyle(document.body).backgroundColor")
                    light = sum(int(part) for part in re.findall(r"\d+", colour)[:3]) > 3 * 128
                    self.assertEqual(light, not dark)
                    page.screen(f"{name}-{width}-{'dark' if dark else 'light'}")

    def test_what_is_pressed_on_a_phone_is_large_enough(self):
        page = self.page
        places = self.places()
        page.size(400, 800)
        for name in ("sweep", "form", "evidence"):
            page.go(places[name][0])
            page.wait(name, lambda css=places[name][1]: page.all(css))
            small = page.js(
                "const pressed = '.bar :is(button, a), .names button, .tools > *, #panels a, #sweep-rows a, .part > summary,"
                " #start :is(input:not([type=checkbox]), select, button)';"
                "const tall = (node) => node.getBoundingClientRect().height;"
                "return [...document.querySelectorAll(pressed)].filter((node) => node.checkVisibility()"
                " && Math.max(tall(node), tall(node.parentElement)) < 32).map((node) => node.outerHTML.slice(0, 120))"
            )
            self.assertEqual(small, [], name)

    def test_an_audit_of_accessibility_finds_nothing_serious(self):
        page = self.page
        # The audit itself sets styles, which the page's content policy does not let it.
        self.expected = ["Applying inline style violates"]
        for name, (hash, css) in self.places().items():
            page.go(hash)
            for dark in (False, True):
                with self.subTest(name, dark=dark):
                    page.size(1280, 800, dark)
                    page.wait(css, lambda css=css: page.all(css))
                    self.assertEqual(page.audit(), [])
        page.drawer()
        self.assertEqual(page.audit(), [])


class TokenTest(BrowserTest):
    def test_a_token_is_asked_for_once_and_sweeps_run_with_it(self):
        server, page = Server(["sma_cross"], "0.0.0.0:0", TOKEN), Page()
        self.expected = ["401"]
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
        # Where there is no sweep yet, the form is what there is to see.
        page.wait_text("#welcome", "Choose a strategy")
        page.screen("first")
        page.fill("sma_cross", {"fast": "5..20:5", "slow": "30..60:10"})
        page.start()
        page.wait_state("finished")
        page.wait_combinations()
