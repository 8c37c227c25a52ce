"""The charts of reports as modules, on data that no report has: nothing, one value, no number; and updates."""

import functools
import http.server
import threading
from pathlib import Path

from browser import Browser, BrowserTest

MODULES = Path(__file__).resolve().parents[2] / "host/report/page"
PAGE = b"""<!doctype html><html lang=en><title>charts</title><link rel=icon href=data:,>
  <link rel=stylesheet href=/charts/charts.css><main></main></html>"""
# What the code of each test finds: all charts, an element to put them in, and a wait for the next frame.
HEAD = """
  const names = ["time-chart", "heatmap", "histogram", "monthly", "marginals", "neighbours", "parallel", "folds", "list",
    "importance", "scatter", "combinations", "format"];
  const found = await Promise.all(names.map((name) => import(`/charts/${name}.js`)));
  const { TimeChart, Heatmap, Histogram, MonthlyReturns, Marginals, Neighbourhood, ParallelCoordinates, Folds, List, Importance,
    Scatter, Combinations } = Object.assign({}, ...found);
  const frame = () => new Promise((go) => requestAnimationFrame(() => setTimeout(go, 0)));
  const box = document.querySelector("main");
  box.replaceChildren();
  const lattice = (values) => ({ axes: [{ name: "a", values: values.map((_, n) => n) }], places: [values.map((_, n) => n)],
    metrics: [{ name: "m", unit: "number", better: "max", values }] });
  const time = (values) => ({ title: "t", times: values.map((_, n) => n * 86400000),
    panes: [{ name: "p", unit: "price", trades: true, canLog: true, log: true,
        series: [{ type: "candles", name: "c", open: values, high: values, low: values, close: values }] },
      { name: "d", unit: "share", series: [{ type: "area", name: "a", values }] }],
    trades: { entry: [], exit: [], entryPrice: [], exitPrice: [], side: [], profit: [], share: [] } });
"""


class Handler(http.server.SimpleHTTPRequestHandler):
    def do_GET(self):
        if self.path != "/":
            return super().do_GET()
        self.send_response(200)
        self.send_header("Content-Type", "text/html; charset=utf-8")
        self.end_headers()
        self.wfile.write(PAGE)

    def log_message(self, *_):
        pass


class ChartsTest(BrowserTest):
    @classmethod
    def setUpClass(cls):
        cls.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Handler, directory=MODULES))
        threading.Thread(target=cls.server.serve_forever, daemon=True).start()
        cls.page = Browser()
        cls.page.open(f"http://127.0.0.1:{cls.server.server_port}/")

    @classmethod
    def tearDownClass(cls):
        cls.page.quit()
        cls.server.shutdown()
        cls.server.server_close()

    def said(self, code):
        """What code returns that makes charts."""
        whole = f"""const done = arguments[0];
          (async () => {{ {HEAD} {code} }})().then(done, (problem) => done(`failed: ${{problem.stack}}`));"""
        return self.page.browser.execute_async_script(whole)

    def test_charts_of_nothing_of_one_and_of_no_numbers_are_drawn_updated_printed_and_removed(self):
        trouble = self.said("""
          const [none, one, nan] = [[], [1], [NaN, NaN]];
          const makers = [
            [TimeChart, time],
            [Histogram, (values) => ({ title: "h", values, unit: "share" })],
            [MonthlyReturns, (values) => ({ title: "m", years: values.map((_, n) => 2000 + n),
              months: values.flatMap((value) => Array(12).fill(value)), totals: values })],
            [Heatmap, (values) => ({ title: "x", lattice: lattice(values) })],
            [Marginals, (values) => ({ title: "g", lattice: lattice(values) })],
            [Neighbourhood, (values) => ({ title: "n", lattice: lattice(values) })],
            [ParallelCoordinates, (values) => ({ title: "c", lattice: lattice(values) })],
            [Folds, (values) => ({ title: "f", metric: "m", unit: "number", names: values.map(String), inSample: values,
              outOfSample: values })],
            [Importance, (values) => ({ title: "i", lattice: lattice(values) })],
            [Scatter, (values) => ({ title: "s", columns: [{ name: "x", values }, { name: "y", values }],
              lines: (row) => [`row ${row}`] })],
            [Combinations, (values) => ({ title: "k", lattice: lattice(values), open: () => {} })],
            [List, (values) => ({ title: "l", columns: [{ name: "v" }], rows: values.length, at: (n) => values[n] })],
          ];
          const keys = ["ArrowLeft", "ArrowRight", "ArrowUp", "ArrowDown", "Home", "End", "Enter", "+", "-", "n", "p", "Escape"];
          const trouble = [];
          for (const [Chart, data] of makers) for (const first of [none, one, nan]) {
            try {
              const chart = new Chart(box, data(first));
              await frame();
              box.querySelectorAll("button[aria-pressed]").forEach((button) => button.click());
              const canvas = box.querySelector("canvas.chart-canvas");
              for (const key of keys) canvas?.dispatchEvent(new KeyboardEvent("keydown", { key, bubbles: true }));
              for (const next of [none, one, nan]) chart.update(data(next));
              dispatchEvent(new Event("beforeprint"));
              dispatchEvent(new Event("afterprint"));
              await frame();
              chart.destroy();
              if (box.childNodes.length > 0) trouble.push(`${Chart.name} leaves nodes`);
            } catch (problem) {
              trouble.push(`${Chart.name} of ${first}: ${problem.stack}`);
              box.replaceChildren();
            }
          }
          return trouble;""")
        self.assertEqual(trouble, [])

    def test_an_update_of_as_many_bars_keeps_the_zoom_and_another_one_does_not(self):
        views = self.said("""
          const values = (count) => Array.from({ length: count }, (_, n) => n + 1);
          const chart = new TimeChart(box, time(values(100)));
          chart.show(20, 60);
          chart.update(time(values(100)));
          const kept = chart.view;
          chart.update(time(values(80)));
          return [kept, chart.view];""")
        self.assertEqual(views, [[20, 60], [0, 80]])

    def test_no_peak_is_lost_where_a_pixel_has_many_bars(self):
        few, most = self.said("""
          const values = new Float64Array(100000).fill(1);
          values[54321] = 9;
          const { linePoints } = await import("/charts/series.js");
          const { Viewport } = await import("/charts/viewport.js");
          const points = linePoints(values, new Viewport(values.length), (x) => x, (y) => y, 800);
          return [points.length < 800 * 8, Math.max(...points.filter((_, n) => n % 2 === 1))];""")
        self.assertEqual((few, most), (True, 9))

    def test_bins_count_every_value_once_and_part_at_zero(self):
        count, over, parts, mean = self.said("""
          const { binsOf } = await import("/charts/histogram.js");
          const values = Array.from({ length: 1001 }, (_, n) => Math.sin(n * 12.9898) * 0.1 + (n === 500 ? 40 : 0));
          const bins = binsOf([...values, NaN, Infinity]);
          const mean = values.reduce((sum, value) => sum + value) / values.length;
          return [bins.counts.reduce((sum, value) => sum + value), bins.over, bins.edges.includes(0), bins.mean - mean];""")
        self.assertEqual((count, over, parts), (1001, 1, True))
        self.assertAlmostEqual(mean, 0)

    def test_conditions_are_read_as_they_are_meant_and_never_run(self):
        truths, troubles = self.said("""
          const { conditionOf } = await import("/charts/conditions.js");
          const row = { fast: 5, slow: 20, mode: "slow one", sharpe: NaN, short: true };
          const columns = new Map(Object.keys(row).map((name) => [name, { of: () => row[name] }]));
          columns.set("failed", { of: () => true, flag: true });
          const right = ["fast < 6", "fast < slow", "4 < fast <= 5", "not fast = 5", "fast = 1 or slow = 20 and fast = 5",
            "failed", "(fast = 1 or slow = 20) and fast = 1", 'mode = "slow one"', "short = true", "sharpe < 1", "sharpe != 1",
            "fast >= 500%", "fast > -1e3"];
          const wrong = ["FAST = 5", "alert(1)", "fast <", "fast 5", "fast = = 5", "(fast = 5"];
          const told = (text) => { try { return conditionOf(text, columns)(0); } catch (problem) { return problem.message; } };
          return [right.map(told), wrong.map(told)];""")
        self.assertEqual(truths, [True, True, True, False, True, True, False, True, True, False, False, True, True])
        self.assertTrue(all(isinstance(trouble, str) for trouble in troubles), troubles)

    def test_labels_of_long_decimals_are_short_and_tell_values_apart(self):
        texts = self.said("""
          const { briefWriter } = await import("/charts/format.js");
          return [[0.0123456789, 0.0234567891], [0.123451, 0.123452], [1234567, 5], ["a long text", 0.5]].map((values) =>
            values.map(briefWriter(values)));""")
        expected = [["0.01235", "0.02346"], ["0.123451", "0.123452"], ["1234567", "5"], ["a long text", "0.5"]]
        self.assertEqual(texts, expected)

    def test_numbers_are_written_short_and_fields_of_csv_start_no_formula(self):
        texts = self.said("""
          const { writer, csvOf } = await import("/charts/format.js");
          const written = [[1234.5, "number"], [-0.0004, "money"], [0.1234, "share"], [9.45e25, "share"], [NaN, "price"],
            [-Infinity, "number"], [12, "count"]].map(([value, unit]) => writer(unit)(value));
          const cells = ["=1+1", 'a "b", c', 0.1, null];
          return [written, csvOf({ columns: [{ name: "x" }], rows: cells.length, at: (row) => cells[row] })];""")
        self.assertEqual(texts[0], ["1,235", "0.00", "12.3 %", "9.45e27 %", "–", "−∞", "12"])
        self.assertEqual(texts[1], 'x\r\n\'=1+1\r\n"a ""b"", c"\r\n0.1\r\n\r\n')
