"""The pictures of the README: what a person sees of a real sweep in a terminal, in a report, and on the page of `host serve`.

    python pictures.py [terminal] [report] [page]     as `pictures.sh` calls it, which says what is set

Never draws what the program has not said: only the prompt, what is typed, and the frames are from here."""

import base64
import contextlib
import fcntl
import html
import itertools
import json
import os
import pty
import re
import shlex
import struct
import subprocess
import sys
import tempfile
import termios
import urllib.request
from pathlib import Path

from browser import PATIENCE, Browser
from page import HOST, Server

PICTURES = Path(os.environ["PICTURES"])
FOLDER = Path(tempfile.mkdtemp(dir=os.environ["SCREENS"]))
# Pixels of a picture for each one of the page.
SCALE = 2
# Higher than what is seen in any picture: charts below the window are not drawn. And what is left below the last part.
HEIGHT, GAP = 2000, 10
SCHEMES = {"light": False, "dark": True}

# --- The terminal: what is typed, and its size ---
COLUMNS = 102
TYPED = [
    r"""host sweep --plugin sma_cross --param fast=2..100 --param slow=20..200:2 --where 'fast < slow' \
    --split 70% --metrics sharpe,total_return,max_drawdown --top 6 --returns r.arrow""",
    "host trust r.arrow | head -4",
]

# --- The report: its sweep, and the parts of it in the picture ---
REPORT_WIDTH = 1170
REPORTED = ["--plugin", "sma_cross", "--param", "fast=5..50:5", "--param", "slow=20..200:10", "--where", "fast < slow"]
REPORT_DRAWN = "#verdict dd, #summary td, #equity canvas"
REPORT_LAST = "#equity"

# --- The page: its sweeps, of which the last one is shown; what it must show, and where the picture ends ---
PAGE_WIDTH = 1280
SWEEPS = [
    {"plugin": "momentum", "params": ["lookback=20..200:5", "threshold=0..0.1:0.01"]},
    {"plugin": "mean_reversion", "params": ["window=4..30:2", "lower=20..40:5", "upper=60..80:5"]},
    {"plugin": "breakout", "params": ["entry=10..100:5", "exit=5..50:5"], "constraints": ["exit < entry"]},
    {"plugin": "sma_cross", "params": ["fast=2..60", "slow=20..200:5"], "constraints": ["fast < slow"]},
    {
        "plugin": "bracket",
        "params": ["fast=5,10,20", "slow=50,100", "stop_loss=0.02..0.2:0.01", "take_profit=0.05..0.6:0.05"],
    },
]
PAGE_DRAWN = "#explorer tbody tr, #explorer canvas"
PAGE_LAST = "#explorer .sections > :has(canvas)"
# A condition for the table, so that it leaves room for the map below: its field, and a row that it takes away.
PAGE_CONDITION, PAGE_FIELD, PAGE_REMOVED = "sharpe > 0.77", "#explorer .chart-only input", "#explorer tbody tr:nth-child(12)"


def main(names):
    makers = {"terminal": picture_terminal, "report": picture_report, "page": picture_page}
    camera = Camera()
    try:
        for name in names or makers:
            makers[name](camera)
        assert not (errors := camera.errors()), errors
    finally:
        camera.quit()


class Camera(Browser):
    """A browser whose pictures have two pixels for each one of the page."""

    def size(self, width, height, dark=False):
        super().size(width, height, dark)
        size = {"width": width, "height": height, "deviceScaleFactor": SCALE, "mobile": False}
        self.browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)

    def show(self, css):
        """Waits until all of it is there, with its fonts, and painted."""
        for part in css.split(", "):
            self.wait(part, lambda css=part: self.all(css))
        painted = "requestAnimationFrame(() => requestAnimationFrame(done))"
        self.browser.execute_async_script(f"const done = arguments[0]; document.fonts.ready.then(() => {painted})")

    def box(self, css):
        """Where an element is on the page."""
        code = """const { x, y, width, height } = document.querySelector(arguments[0]).getBoundingClientRect()
            return { x, y: y + scrollY, width, height }"""
        return self.js(code, css)

    def shot(self, box):
        """A picture of a part of the page, as PNG."""
        options = {"clip": {**box, "scale": 1}, "captureBeyondViewport": True}
        return base64.b64decode(self.browser.execute_cdp_cmd("Page.captureScreenshot", options)["data"])

    def down_to(self, css, width):
        """A picture of the page from its head to the end of an element, without what comes after it."""
        last = self.box(css)
        return self.shot({"x": 0, "y": 0, "width": width, "height": round(last["y"] + last["height"]) + GAP})

    def keep(self, name, style, body):
        """Keeps a picture of the element `.frame` of some HTML; what is around it can be seen through."""
        path = FOLDER / "frame.html"
        path.write_text(f"<!doctype html><meta charset=utf-8><style>{FRAME}{style}</style>{body}")
        self.open(path.as_uri())
        self.show(".frame")
        self.browser.execute_cdp_cmd("Emulation.setDefaultBackgroundColorOverride", {"color": dict.fromkeys("rgba", 0)})
        (PICTURES / f"{name}.png").write_bytes(self.shot(self.box(".frame")))
        self.browser.execute_cdp_cmd("Emulation.setDefaultBackgroundColorOverride", {})

    def frame(self, name, picture):
        """Keeps a picture with round corners and a line around it, which are seen on white and on black."""
        source = base64.b64encode(picture).decode()
        self.keep(name, "", f'<div class="frame"><img src="data:image/png;base64,{source}"></div>')


FRAME = f"""
  body {{ margin: 0; }}
  .frame {{ width: max-content; border: 1px solid rgb(127 127 127 / .5); border-radius: 10px; overflow: hidden; }}
  img {{ display: block; zoom: {1 / SCALE}; }}
"""
TERMINAL = """
  .frame { background: #0d1117; color: #d5dbe3; border-color: #3d444d; }
  header { display: flex; gap: 8px; padding: 12px 14px; background: #1b212a; border-bottom: 1px solid #2b323c; }
  header i { width: 12px; height: 12px; border-radius: 50%; background: #f2635c; }
  header i:nth-child(2) { background: #f5bd4f; }
  header i:nth-child(3) { background: #5fc454; }
  pre { margin: 0; padding: 16px 20px 18px; font: 14px/1.5 "JetBrains Mono"; font-variant-ligatures: none; }
  pre { white-space: pre-wrap; tab-size: 8; }
  .prompt { color: #5fc454; }
  .typed, .bold { color: #fff; }
  .bold { font-weight: bold; }
  .dim { opacity: .65; }
  .underlined { text-decoration: underline; }
  .red { color: #ff7b72; }
  .green { color: #5fc454; }
  .yellow { color: #e3b341; }
  .blue { color: #79c0ff; }
  .magenta { color: #d2a8ff; }
  .cyan { color: #56d4dd; }
"""
# The classes of the numbers that a terminal's styles have.
COLOURS = ("red", "green", "yellow", "blue", "magenta", "cyan")
STYLES = {1: "bold", 2: "dim", 4: "underlined", **dict(enumerate(COLOURS, 31)), **dict(enumerate(COLOURS, 91))}


def picture_terminal(camera):
    # Before the picture, so that nothing is compiled in it.
    run_in_terminal(TYPED[0])
    parts = [f'<span class="prompt">$</span> <span class="typed">{html.escape(line)}</span>\n{shown(line)}' for line in TYPED]
    camera.size(1280, 1000)
    blank = "\n"
    screen = f'<pre style="width: {COLUMNS}ch">{blank.join(parts)}</pre>'
    camera.keep("terminal", TERMINAL, f'<div class="frame"><header><i></i><i></i><i></i></header>{screen}</div>')


def shown(line):
    """What a terminal shows in the end of what a command says, as HTML."""
    lines = Screen(run_in_terminal(line)).lines()
    assert len(lines) < 40, lines
    return "\n".join(map(as_html, lines)).strip("\n") + "\n"


def run_in_terminal(line):
    """What a command says to a terminal of its own, where `host` is the program."""
    child, terminal = pty.fork()
    if child == 0:
        (FOLDER / "host").exists() or (FOLDER / "host").symlink_to(HOST)
        os.chdir(FOLDER)
        os.environ.update(TERM="xterm-256color", PATH=f"{FOLDER}:{os.environ['PATH']}")
        # Not before the terminal has its size.
        os.execvp("bash", ["bash", "-c", f"read -r; {line}"])
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", 40, COLUMNS, 0, 0))
    silence(terminal)
    os.write(terminal, b"\n")
    said = b"".join(read_all(terminal))
    _, status = os.waitpid(child, 0)
    assert status == 0, f"{line} ended with {status}: {said.decode()}"
    return said.decode()


def silence(terminal):
    """What is typed is not said again."""
    settings = termios.tcgetattr(terminal)
    settings[3] &= ~termios.ECHO
    termios.tcsetattr(terminal, termios.TCSANOW, settings)


def read_all(terminal):
    # The end of a terminal reads as an error.
    with contextlib.suppress(OSError):
        while some := os.read(terminal, 1 << 16):
            yield some


class Screen:
    """What a terminal shows after some output: lines of characters with their styles. Fails on what it does not know."""

    TOKEN = re.compile(r"\x1b\[(\??[\d;]*)([A-Za-z])|([\r\n])|([^\x00-\x1f])")

    def __init__(self, said):
        self.rows, self.row, self.column, self.style = [[]], 0, 0, ()
        # The rows that go on with the line of the row above.
        self.wrapped = set()
        self.wraps = True
        at = 0
        while at < len(said):
            token = self.TOKEN.match(said, at)
            assert token, f"a terminal's code that is not known: {said[at:at + 12]!r}"
            at = token.end()
            numbers, code, move, character = token.groups()
            if character:
                self.write(character)
            elif move:
                self.move(move)
            elif numbers == "?7":
                # Whether lines wrap: what is written without is erased again.
                self.wraps = code == "h"
            else:
                self.control(code, [int(number or 0) for number in numbers.split(";")])

    def write(self, character):
        if self.column == COLUMNS and not self.wraps:
            return
        if self.column == COLUMNS:
            self.go(self.row + 1)
            self.wrapped.add(self.row)
            self.column = 0
        row = self.rows[self.row]
        row.extend([(" ", ())] * (self.column + 1 - len(row)))
        row[self.column] = (character, self.style)
        self.column += 1

    def move(self, character):
        if character == "\r":
            self.column = 0
        else:
            self.go(self.row + 1)

    def go(self, row):
        self.row = max(0, row)
        self.rows.extend([] for _ in range(len(self.rows), self.row + 1))

    def control(self, code, numbers):
        if code == "m":
            for number in numbers:
                self.style = () if number == 0 else (*self.style, number)
        elif code == "K":
            assert numbers == [2], numbers
            self.rows[self.row] = []
            self.wrapped.discard(self.row)
        elif code == "J":
            assert numbers == [0], numbers
            del self.rows[self.row][self.column :]
            del self.rows[self.row + 1 :]
        elif code == "A":
            self.go(self.row - max(1, numbers[0]))
        elif code == "B":
            self.go(self.row + max(1, numbers[0]))
        else:
            raise AssertionError(f"a terminal's code that is not known: {code} {numbers}")

    def lines(self):
        """Whole lines: where they are wrapped is for the picture to choose, between words."""
        lines = []
        for number, row in enumerate(self.rows):
            if number in self.wrapped:
                lines[-1].extend(row)
            else:
                lines.append(list(row))
        return lines


def as_html(line):
    """A line without the blanks at its end, which would wrap."""
    runs = itertools.groupby(line, key=lambda cell: cell[1])
    return "".join(styled("".join(character for character, _ in run), style) for style, run in runs).rstrip()


def styled(text, style):
    unknown = set(style) - STYLES.keys()
    assert not unknown, f"styles of a terminal that are not known: {unknown}"
    classes = " ".join(STYLES[number] for number in style)
    # Joined to what is around them, so that no date is wrapped at its hyphens.
    text = html.escape(text).replace("-", "\u2060-\u2060")
    return f'<span class="{classes}">{text}</span>' if style else text


def picture_report(camera):
    made = ["s.parquet", "--returns", "r.arrow"]
    run("sweep", *REPORTED, "--out", *made)
    run("report", *made, "--out", "s.html")
    for scheme, dark in SCHEMES.items():
        camera.size(REPORT_WIDTH, HEIGHT, dark)
        camera.open((FOLDER / "s.html").as_uri())
        camera.show(REPORT_DRAWN)
        camera.frame(f"report-{scheme}", camera.down_to(REPORT_LAST, REPORT_WIDTH))


def run(*arguments):
    ended = subprocess.run([HOST, *arguments, "--quiet"], cwd=FOLDER, capture_output=True, text=True)
    assert ended.returncode == 0, f"{shlex.join(arguments)} ended with {ended.returncode}: {ended.stderr}"


def picture_page(camera):
    server = Server(dict.fromkeys(sweep["plugin"] for sweep in SWEEPS))
    try:
        number = [swept(camera, server, sweep) for sweep in SWEEPS][-1]
        for scheme, dark in SCHEMES.items():
            camera.size(PAGE_WIDTH, HEIGHT, dark)
            camera.open(f"{server.address}/#{number}")
            camera.show(PAGE_DRAWN)
            camera.find(PAGE_FIELD).send_keys(PAGE_CONDITION)
            camera.wait("a shorter table", lambda: not camera.all(PAGE_REMOVED))
            # Without the focus, a caret would be there or not.
            camera.js("document.activeElement.blur()")
            camera.show(PAGE_DRAWN)
            camera.frame(f"page-{scheme}", camera.down_to(PAGE_LAST, PAGE_WIDTH))
    finally:
        server.stop()


def swept(camera, server, sweep):
    """Starts a sweep, waits for its end, and returns its number."""
    headers = {"content-type": "application/json"}
    request = urllib.request.Request(f"{server.address}/sweeps?returns=day", json.dumps(sweep).encode(), headers)
    with urllib.request.urlopen(request, timeout=PATIENCE) as answer:
        number = json.load(answer)["id"]
    known = lambda: json.loads(server.get(f"/sweeps/{number}"))
    camera.wait(f"the end of sweep {number}", lambda: known()["ended_at"])
    assert known()["state"] == "finished", known()
    return number


if __name__ == "__main__":
    main(sys.argv[1:])
