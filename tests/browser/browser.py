"""A headless Chromium, by what a person sees and does in it. Never knows what a page is about."""

import base64
import json
import os
import shutil
import unittest
from pathlib import Path

from selenium import webdriver
from selenium.webdriver.common.by import By
from selenium.webdriver.support.ui import WebDriverWait

SCREENS = Path(os.environ["SCREENS"])
# Seconds; a debug build on a busy machine is slow.
PATIENCE = 120


class BrowserTest(unittest.TestCase):
    """A test in browsers: an error on the console of any of them fails it, unless a part of it is in `expected`."""

    def run(self, result=None):
        self.expected = []
        # Before `setUp`, so that it comes after everything else, and in every test.
        self.addCleanup(self.check_consoles)
        return super().run(result)

    def check_consoles(self):
        errors = [error for browser in Browser.opened for error in browser.errors()]
        Browser.opened[:] = [browser for browser in Browser.opened if not browser.is_closed]
        unexpected = [error for error in errors if not any(part in error for part in self.expected)]
        self.assertEqual(unexpected, [], "errors on the console")


class Browser:
    """Always logs the console; `logs` name what else, such as `performance` for `requests`."""

    opened = []

    def __init__(self, *logs):
        options = webdriver.ChromeOptions()
        for argument in ("--headless=new", "--no-sandbox", "--disable-dev-shm-usage", "--hide-scrollbars"):
            options.add_argument(argument)
        options.add_argument("--window-size=1280,1000")
        options.set_capability("goog:loggingPrefs", dict.fromkeys(["browser", *logs], "ALL"))
        options.binary_location = shutil.which("chromium")
        service = webdriver.ChromeService(executable_path=shutil.which("chromedriver"))
        self.browser = webdriver.Chrome(options=options, service=service)
        self.is_closed = False
        self.left = []
        Browser.opened.append(self)

    def open(self, address):
        self.browser.get("about:blank")
        self.browser.get(address)

    def js(self, code, *arguments):
        return self.browser.execute_script(code, *arguments)

    def find(self, css):
        return self.browser.find_element(By.CSS_SELECTOR, css)

    def all(self, css):
        return self.browser.find_elements(By.CSS_SELECTOR, css)

    def text(self, css):
        """The text of what is seen, nothing while it is not there."""
        return self.js(
            "const node = document.querySelector(arguments[0]); return node?.checkVisibility() ? node.innerText : ''", css
        )

    def wait(self, what, condition):
        try:
            return WebDriverWait(self.browser, PATIENCE, poll_frequency=0.05).until(lambda _: condition())
        except Exception as error:
            self.screen("failed")
            raise AssertionError(f"{what}: not within {PATIENCE} s; the page shows:\n{self.text('body')}") from error

    def wait_text(self, css, part):
        self.wait(f"`{part}` in {css}", lambda: part in self.text(css))

    def screen(self, name):
        """Keeps a screenshot of the whole page."""
        size = self.browser.execute_cdp_cmd("Page.getLayoutMetrics", {})["cssContentSize"]
        whole = {"clip": {**size, "scale": 1}, "captureBeyondViewport": True}
        image = self.browser.execute_cdp_cmd("Page.captureScreenshot", whole)["data"]
        (SCREENS / f"{name}.png").write_bytes(base64.b64decode(image))

    def size(self, width, height, dark=False):
        self.browser.execute_cdp_cmd(
            "Emulation.setDeviceMetricsOverride",
            {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": False},
        )
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self.browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [scheme]})

    def errors(self):
        """What the console has had to complain about since it was asked last, also after the browser was closed."""
        entries = [] if self.is_closed else self.browser.get_log("browser")
        found, self.left = self.left, []
        return found + [entry["message"] for entry in entries if entry["level"] == "SEVERE"]

    def requests(self):
        """The addresses that pages have asked for since this was asked last."""
        events = [json.loads(entry["message"])["message"] for entry in self.browser.get_log("performance")]
        return [event["params"]["request"]["url"] for event in events if event["method"] == "Network.requestWillBeSent"]

    def audit(self):
        """What axe-core finds of weight. It comes in by the driver, which no content policy holds back."""
        self.js(Path(os.environ["AXE"]).read_text())
        run = "const done = arguments[0]; axe.run({ resultTypes: ['violations'] }).then((found) => done(found.violations))"
        found = self.browser.execute_async_script(run)
        listed = [(rule["id"], rule["impact"], rule["nodes"][0]["html"][:200]) for rule in found]
        return [rule for rule in listed if rule[1] in ("serious", "critical")]

    def quit(self):
        self.left = self.errors()
        self.is_closed = True
        self.browser.quit()
