"""What a person sees of an ended sweep on the page of `host serve`: its combinations, one of them, two sweeps side by side. The
numbers are those of the results and of `host backtest`."""

import json
import os
import re
import shlex
import subprocess
import tempfile
import time
import urllib.request
from collections import defaultdict
from pathlib import Path
from urllib.parse import quote

from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.support.ui import Select

from browser import PATIENCE, Browser, BrowserTest
from page import Server

HOST = os.environ["HOST"]
GRID = {"plugin": "sma_cross", "data": "msft", "params": ["fast=5..20", "slow=20..100:10"]}
COLUMNS = "task_id,fast,slow,sharpe,total_return,max_drawdown,success"


def number(text):
    """A number as it is shown; shares are in per cent."""
    digits = re.search(r"[-−+]?[\d,]*\.?\d+", text)[0].replace(",", "").replace("−", "-")
    return float(digits) / (100 if text.endswith("%") else 1)


def shown(value, share=False):
    """A number as it is written in a table: two decimals below a thousand, three digits of a share."""
    if share:
        value *= 100
        size = abs(value)
        text = f"{value:,.0f} %" if size >= 1000 else f"{value:.1f} %" if size >= 10 else f"{value:.2f} %"
    else:
        text = f"{value:.2f}" if abs(value) >= 0.1 else f"{value:.2g}"
    return text.replace("-", "−")


class Views(Browser):
    """The views of ended sweeps."""

    def go(self, server, hash):
        self.open(f"{server.address}/#{hash}")

    def read(self, server, id):
        self.go(server, id)
        self.wait("the table", lambda: self.rows())

    def cell(self, server, id, task):
        self.go(server, f"{id}/cell/{quote(task, safe='')}")
        self.wait("its receipt", lambda: self.all("#view-receipt"))

    def rows(self, section="combinations"):
        """The rows of a table as lists of texts."""
        return self.js(
            "return [...document.querySelectorAll(arguments[0])].map((row) => [...row.children].map((cell) => cell.innerText))",
            f"#view-{section} tbody tr",
        )

    def columns(self, section="combinations"):
        return [node.text.rstrip(" ↑↓") for node in self.all(f"#view-{section} thead th")]

    def sort(self, name):
        buttons = self.all("#view-combinations thead button")
        next(node for node in buttons if node.text.rstrip(" ↑↓") == name).click()

    def only(self, text, section="combinations"):
        field = self.find(f"#view-{section} .chart-only input")
        field.clear()
        field.send_keys(text)

    def count(self, section="combinations"):
        return self.text(f"#view-{section} .chart-count")

    def section(self, id):
        """A section, filled: it waits until it is near to what is seen."""
        self.js("document.getElementById(arguments[0]).scrollIntoView()", f"view-{id}")
        self.wait(f"{id} to be filled", lambda: self.all(f"#view-{id} figure"))
        return self.find(f"#view-{id}")

    def press(self, section, name):
        button = next(node for node in self.all(f"#view-{section} button") if node.text == name)
        self.js("arguments[0].scrollIntoView({ block: 'center' })", button)
        button.click()

    def facts(self, css):
        """Names and texts side by side."""
        pairs = self.js(
            "return [...document.querySelectorAll(arguments[0])].map((pair) => [...pair.children].map((part) => part.innerText))",
            f"{css} > div",
        )
        return dict(pairs)


class ViewsTest(BrowserTest):
    @classmethod
    def setUpClass(cls):
        cls.server = Server(["sma_cross", "momentum"])
        cls.page = Views()
        cls.made = {}

    @classmethod
    def tearDownClass(cls):
        cls.page.quit()
        cls.server.stop()

    def setUp(self):
        self.page.size(1280, 1000)

    def sweep(self, **request):
        """The number of an ended sweep; the same request is run once."""
        body = json.dumps({**GRID, **request})
        if body not in self.made:
            post = urllib.request.Request(f"{self.server.address}/sweeps", body.encode(), {"Content-Type": "application/json"})
            with urllib.request.urlopen(post, timeout=PATIENCE) as answer:
                self.made[body] = json.load(answer)["id"]
        id = self.made[body]
        ended = lambda: self.about(id)["state"] not in ("queued", "running")
        self.page.wait(f"the end of sweep {id}", ended)
        return id

    def about(self, id):
        return json.loads(self.server.get(f"/sweeps/{id}"))

    def results(self, id, columns=COLUMNS):
        found = json.loads(self.server.get(f"/sweeps/{id}/results?format=json&columns={columns}"))
        names = [column["name"] for column in found["columns"]]
        return [dict(zip(names, row)) for row in found["rows"]]

    def saved(self, id):
        """A folder with the results of a sweep, under the name that commands have."""
        folder = Path(self.enterContext(tempfile.TemporaryDirectory()))
        address = f"{self.server.address}/sweeps/{id}/results?format=parquet"
        with urllib.request.urlopen(address, timeout=PATIENCE) as answer:
            (folder / f"sweep-{id}.parquet").write_bytes(answer.read())
        return folder

    def test_the_table_is_sorted_and_kept_as_the_results_say(self):
        page, id = self.page, self.sweep()
        page.read(self.server, id)
        done = [row for row in self.results(id) if row["success"]]
        for name, column, share, best in (
            ("sharpe", "sharpe", False, max),
            ("max drawdown", "max_drawdown", True, max),
            ("total return", "total_return", True, max),
        ):
            place = page.columns().index(name)
            page.sort(name)
            values = sorted((row[column] for row in done), reverse=best is max)
            self.assertEqual([row[place] for row in page.rows()], [shown(value, share) for value in values[:25]])
            page.sort(name)
            # What has no value comes last, whichever way a column is sorted.
            self.assertEqual([row[place] for row in page.rows()], [shown(value, share) for value in values[:-26:-1]])
        kept = [row for row in done if row["fast"] < 8 and (row["sharpe"] > 0.7 or row["slow"] == 100)]
        page.only("fast < 8 and (sharpe > 0.7 or slow = 100)")
        page.wait("the rows that pass", lambda: page.count() == f"{len(kept)} of 144 combinations")
        self.assertEqual({(row[1], row[2]) for row in page.rows()}, {(str(row["fast"]), str(row["slow"])) for row in kept})
        page.only("total_return > 20000%")
        many = sum(row["total_return"] > 200 for row in done)
        page.wait("a share in per cent", lambda: page.count() == f"{many} of 144 combinations")

    def test_a_condition_that_is_not_understood_says_so_and_changes_nothing(self):
        page = self.page
        page.read(self.server, self.sweep())
        for text, words in (
            ("sharp > 1", "`sharp` is not known here"),
            ("fast >", "something is missing at the end"),
            ("fast", "`fast` is not compared with anything"),
            ("(fast < 5", "a `)` is missing"),
        ):
            page.only(text)
            page.wait_text("#view-combinations .chart-trouble", words)
            self.assertEqual(page.find("#view-combinations .chart-only input").get_attribute("aria-invalid"), "true")
            self.assertEqual(page.count(), "144 combinations")
        page.only("5 < fast <= 7 and not slow > 20")
        page.wait_text("#view-combinations .chart-count", "2 of 144")

    def test_columns_are_chosen_and_pages_turned(self):
        page = self.page
        page.read(self.server, self.sweep())
        self.assertNotIn("outcome", page.columns())
        page.find("#view-combinations .chart-menu summary").click()
        boxes = {box.text: box for box in page.all("#view-combinations .chart-choices label")}
        boxes["outcome"].click()
        boxes["sortino"].click()
        self.assertIn("outcome", page.columns())
        self.assertNotIn("sortino", page.columns())
        page.find("#view-combinations .chart-pages [aria-label='Last page']").click()
        self.assertEqual(page.rows()[-1][0], "–")
        self.assertIn("failed", page.rows()[-1])

    def test_rows_are_walked_and_a_combination_opened_by_keys(self):
        page, id = self.page, self.sweep()
        page.read(self.server, id)
        page.js("document.querySelector('#view-combinations tbody button').focus()")
        ActionChains(page.browser).send_keys(Keys.ARROW_DOWN, Keys.ARROW_DOWN, Keys.ARROW_UP, Keys.ENTER).perform()
        second = self.about(id)["ranking"][1]
        page.wait_text(".view-title", ", ".join(f"{name} {value}" for name, value in second["params"].items()))
        page.wait_text(".view-words", "rank 2 of 143")
        page.find(".view-steps button").click()
        page.wait_text(".view-words", "rank 1 of 143")

    def test_a_cell_of_the_map_shows_its_facts_and_opens(self):
        page, id = self.page, self.sweep()
        page.read(self.server, id)
        first = page.facts("#view-sweep .cell .facts")
        best = self.about(id)["best"]
        self.assertEqual((first["fast"], first["slow"]), tuple(str(best["params"][name]) for name in ("fast", "slow")))
        page.js("document.querySelector('#view-sweep .chart-canvas').focus()")
        ActionChains(page.browser).send_keys(Keys.ARROW_LEFT, Keys.ENTER).perform()
        page.wait("another cell", lambda: page.facts("#view-sweep .cell .facts") != first)
        found = page.facts("#view-sweep .cell .facts")
        page.press("sweep", "Open this cell")
        page.wait_text(".view-title", f"fast {found['fast']}, slow {found['slow']}")

    def test_failed_combinations_are_counted_shown_and_say_why(self):
        page, id = self.page, self.sweep()
        page.read(self.server, id)
        page.wait_text(".view-head", "143 of 144 combinations ranked by sharpe; 1 failed")
        page.find(".view-odd").click()
        page.wait_text("#view-combinations .chart-count", "1 of 144")
        row = dict(zip(page.columns(), page.rows()[0]))
        self.assertEqual((row["rank"], row["fast"], row["slow"], row["sharpe"]), ("–", "20", "20", "failed"))
        # The server says so by a status, and the browser tells the console.
        self.expected = ["/run?task_id="]
        page.find("#view-combinations tbody button").click()
        page.wait_text(".view-message", "`fast` (20) is not below `slow` (20)")
        page.wait_text("#view-near", "fast")

    def test_a_cell_has_the_equity_of_its_backtest_and_its_command_runs_it(self):
        page, id = self.page, self.sweep()
        task = self.about(id)["best"]["task_id"]
        page.cell(self.server, id, task)
        allowed = ["clipboardReadWrite", "clipboardSanitizedWrite"]
        page.browser.execute_cdp_cmd("Browser.grantPermissions", {"permissions": allowed})
        page.find(".view-cell .copy button").click()
        page.wait_text(".view-cell .said", "copied")
        copied = page.browser.execute_async_script("navigator.clipboard.readText().then(arguments[0])")
        words = shlex.split(copied)
        self.assertEqual(words[:3] + words[-2:], ["host", "backtest", "--again", "--task", task])
        command = [HOST, *words[1:], "--quiet", "--format", "json"]
        ended = subprocess.run(command, cwd=self.saved(id), capture_output=True, text=True, check=True)
        metrics = json.loads(ended.stdout)["metrics"]
        last = page.text("#view-equity .chart-legend")
        self.assertEqual(number(re.search(r"strategy ([\d,]+)", last)[1]), round(metrics["final_equity"]))
        told = {row[0]: row[1] for row in page.rows("summary")}
        for name in ("sharpe", "sortino", "calmar"):
            self.assertEqual(told[name], shown(metrics[name]), name)

    def test_neighbours_of_a_cell_open_by_a_press(self):
        page, id = self.page, self.sweep()
        page.cell(self.server, id, "fast=10,slow=50")
        near = page.all("#view-near .chart-cell")
        self.assertEqual(len(near), 8)
        near[1].click()
        page.wait_text(".view-title", "fast 9, slow 50")

    def test_a_cell_that_is_not_there_says_so(self):
        page, id = self.page, self.sweep()
        self.expected = ["/run?task_id="]
        page.go(self.server, f"{id}/cell/fast%3D1%2Cslow%3D1")
        page.wait_text(".view-message", "could not be run again")
        self.assertIn("Try again", page.text(".view-message"))

    def test_luck_is_simulated_when_it_is_asked_for(self):
        page, id = self.page, self.sweep()
        task = self.about(id)["best"]["task_id"]
        page.cell(self.server, id, task)
        self.assertEqual(page.all("#view-luck table"), [])
        page.press("luck", "Simulate")
        page.wait("two tables", lambda: len(page.all("#view-luck table")) == 2)
        luck = json.loads(self.server.get(f"/sweeps/{id}/monte-carlo?task_id={quote(task, safe='')}"))
        head = [node.text for node in page.all("#view-luck table:first-of-type thead th")][:6]
        self.assertEqual(head, ["as it was", *(f"{level:.0%}".replace("%", " %") for level in luck["levels"])])
        fall = page.rows("luck")[1]
        values = [luck["trades"]["max_drawdown"], *luck["trades"]["resampled_drawdown"]]
        self.assertEqual(fall[1:], [shown(value, True) for value in values])

    def test_importance_is_what_the_results_say(self):
        page, id = self.page, self.sweep()
        page.read(self.server, id)
        page.section("importance")
        page.press("importance", "Table")
        rows = page.js(
            "return [...document.querySelectorAll('#view-importance tbody tr')].map((row) =>"
            " [...row.children].map((cell) => cell.textContent))"
        )
        told = {row[0]: row[1:] for row in rows}
        done = [row for row in self.results(id) if row["success"]]
        mean = sum(row["sharpe"] for row in done) / len(done)
        total = sum((row["sharpe"] - mean) ** 2 for row in done)
        for name in ("fast", "slow"):
            groups = defaultdict(list)
            for row in done:
                groups[row[name]].append(row["sharpe"])
            between = sum(len(group) * (sum(group) / len(group) - mean) ** 2 for group in groups.values())
            share, chance = between / total, (len(groups) - 1) / (len(done) - 1)
            self.assertEqual(told[name][0], str(len(groups)))
            self.assertAlmostEqual(number(told[name][1]), share, delta=6e-4)
            self.assertAlmostEqual(number(told[name][2]), chance, delta=6e-4)
        self.assertAlmostEqual(number(told["interplay"][1]), 1 - explained(done, mean) / total, delta=6e-4)

    def test_brushes_on_lines_keep_rows_of_the_table(self):
        page = self.page
        page.read(self.server, self.sweep())
        page.section("parallel")
        page.js("document.querySelector('#view-parallel .chart-canvas').focus()")
        ActionChains(page.browser).send_keys(Keys.ARROW_DOWN).perform()
        page.wait_text("#view-combinations .chart-count", "within the brushes")
        kept = sum(row["success"] and row["fast"] <= 9 for row in self.results(self.sweep()))
        self.assertIn(f"{kept} of 144", page.count())
        ActionChains(page.browser).send_keys(Keys.ESCAPE).perform()
        page.wait("all rows", lambda: page.count() == "144 combinations")

    def test_points_are_told_by_keys_and_chosen(self):
        page = self.page
        page.read(self.server, self.sweep())
        page.section("scatter")
        before = page.facts("#view-sweep .cell .facts")
        page.js("document.querySelector('#view-scatter .chart-canvas').focus()")
        ActionChains(page.browser).send_keys(Keys.HOME, Keys.ENTER).perform()
        page.wait("another cell", lambda: page.facts("#view-sweep .cell .facts") != before)
        worst = min(row["max_drawdown"] for row in self.results(self.sweep()) if row["success"])
        self.assertEqual(page.facts("#view-sweep .cell .facts")["max drawdown"], shown(worst, True))

    def test_two_sweeps_are_compared_combination_by_combination(self):
        page = self.page
        first, second = self.sweep(), self.sweep(params=["fast=8..30:2", "slow=20..100:10"], account={"commission_bps": 20})
        page.go(self.server, f"{first}/vs/{second}")
        page.wait("the counts", lambda: page.facts("#view-counts .view-tiles"))
        rows = [{(row["fast"], row["slow"]): row for row in self.results(id)} for id in (first, second)]
        both = rows[0].keys() & rows[1].keys()
        changes = {}
        for key in both:
            one, other = (side[key] for side in rows)
            if one["success"] and other["success"]:
                changes[key] = other["sharpe"] - one["sharpe"]
        told = page.facts("#view-counts .view-tiles")
        expected = {
            f"better in sweep {second}": sum(change > 1e-6 for change in changes.values()),
            f"worse in sweep {second}": sum(change < -1e-6 for change in changes.values()),
            "no value in one": len(both) - len(changes),
            f"only in sweep {first}": len(rows[0]) - len(both),
            f"only in sweep {second}": len(rows[1]) - len(both),
        }
        self.assertEqual({name: int(told[name]) for name in expected}, expected)
        differing = page.text(".view-differing")
        for text in ("account commission bps", "parameter fast", "5..20", "8..30:2"):
            self.assertIn(text, differing)
        self.assertNotIn("parameter slow", differing)
        best = max(changes, key=changes.get)
        self.assertEqual(tuple(page.rows("pairs")[0][1:3]), tuple(map(str, best)))
        Select(page.find("#view-counts select")).select_by_value("max_drawdown")
        page.wait_text("#view-pairs", "Differences of max drawdown")
        page.all("#view-pairs tbody tr:first-child button")[1].click()
        page.wait_text(".view-title", "fast")
        self.assertIn(f"#{second}/cell/", page.browser.current_url)

    def test_a_hundred_thousand_combinations_stay_usable(self):
        page = self.page
        id = self.sweep(params=["fast=1..316", "slow=317..632"])
        began = time.monotonic()
        page.read(self.server, id)
        spent = [("the table", time.monotonic() - began)]

        def timed(what, deed, condition):
            start = time.monotonic()
            deed()
            page.wait(what, condition)
            spent.append((what, time.monotonic() - start))

        timed("a condition", lambda: page.only("fast < 100 and sharpe > 0.5"), lambda: "of 99,856" in page.count())
        timed("an order", lambda: page.sort("max drawdown"), lambda: page.all("#view-combinations [aria-sort='descending']"))
        for name in ("sweep", "marginals", "importance", "parallel", "scatter"):
            timed(name, lambda: page.section(name), lambda: page.all(f"#view-{name} canvas"))
        print("\n".join(f"{what} of 99,856 combinations: {seconds:.2f} s" for what, seconds in spent))

    def everything(self, width, dark):
        """Each view in turn, with all that it has."""
        page, id = self.page, self.sweep()
        page.size(width, 900, dark)
        page.read(self.server, id)
        for name in ("marginals", "importance", "parallel", "scatter"):
            page.section(name)
        yield "explorer"
        page.cell(self.server, id, self.about(id)["best"]["task_id"])
        yield "cell"
        page.go(self.server, f"{id}/vs/{self.sweep(account={'commission_bps': 20})}")
        page.wait("the counts", lambda: page.facts("#view-counts .view-tiles"))
        page.section("where")
        yield "comparison"

    def test_nothing_is_wider_than_a_phone(self):
        for view in self.everything(400, False):
            with self.subTest(view):
                self.assertLessEqual(self.page.js("return document.documentElement.scrollWidth"), 400)
                self.page.screen(f"view-{view}-phone")

    def test_an_audit_of_accessibility_finds_nothing_serious(self):
        for dark in (False, True):
            for view in self.everything(1280, dark):
                with self.subTest(view, dark=dark):
                    self.assertEqual(self.page.errors(), [])
                    self.assertEqual(self.page.audit(), [])
                    # axe-core styles nodes of its own, which the content policy refuses and the console tells.
                    self.page.errors()
                    self.page.screen(f"view-{view}{'-dark' if dark else ''}")


def explained(rows, mean):
    """The sum of squares that the best sum of an effect of `fast` and one of `slow` explains, by turns."""
    left = [row["sharpe"] - mean for row in rows]
    whole = sum(value * value for value in left)
    for _ in range(100):
        for name in ("fast", "slow"):
            groups = defaultdict(list)
            for row, value in zip(rows, left):
                groups[row[name]].append(value)
            left = [value - sum(groups[row[name]]) / len(groups[row[name]]) for row, value in zip(rows, left)]
    return whole - sum(value * value for value in left)
