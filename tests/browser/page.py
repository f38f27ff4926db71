#!/usr/bin/env python3
"""The status page in a headless Chromium, over two real daemons and real traffic.

With MQBRIDGE_PICTURES=DIR, pictures of it are saved there.
"""
import json
import os
import shutil
import subprocess
import sys

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

from harness.browser import Browser, get
from harness.lab import equal, main, require
from harness.programs import Skipped, until

PORT = 7412
URL = f"http://127.0.0.1:{PORT}/"
SHOWN_S = 10  # two heartbeats, as they are unless configured
TAB, ENTER, SHIFT, SPACE = "\ue004", "\ue007", "\ue008", " "
SIZE = 64
EVIL = ["<img src=x onerror=alert(1)>", "'\"><script>alert(1)</script>", "a b&amp;c\\\u202etxt.exe",
        "\u2713 größer \U0001f980", "${alert(1)}{{7*7}}", "constructor", "__proto__"]

FINDINGS = """return Array.from(document.querySelectorAll("#findings > li")).map((line) => ({
    text: line.innerText, rank: line.className,
    code: (line.querySelector(".code") || {}).textContent || ""}))"""
TITLES = """return Array.from(document.querySelectorAll("#findings .what"))
    .map((line) => line.innerText)"""
# The cells of the row that is called so, by their headings.
ROW = """const place = document.getElementById(arguments[0]);
    const heads = Array.from(place.querySelectorAll("thead th"),
        (head) => head.innerText.replace(/[\\u25b2\\u25bc]/g, "").trim());
    for (const line of place.querySelectorAll("tbody tr:not(.more):not(.group)")) {
        const cells = Array.from(line.children, (cell) => cell.innerText.trim());
        if (cells[0] === arguments[1])
            return Object.fromEntries(heads.map((head, i) => [head, cells[i]]));
    }
    return null"""
NAMES = """return Array.from(document.querySelectorAll("#" + arguments[0] + " tbody tr:not(.more):not(.group)"))
    .map((line) => line.children[0].innerText.trim())"""

# The colours of each text and of what lies behind it; the ratio as WCAG 2 reckons it.
CONTRAST = """
const parse = (text) => (text.match(/[\\d.]+/g) || []).map(Number);
const part = (v) => (v /= 255) <= 0.03928 ? v / 12.92 : Math.pow((v + 0.055) / 1.055, 2.4);
const light = (c) => 0.2126 * part(c[0]) + 0.7152 * part(c[1]) + 0.0722 * part(c[2]);
const ground = (element) => {
    for (; element; element = element.parentElement) {
        const colour = parse(getComputedStyle(element).backgroundColor);
        if (colour.length === 3 || colour[3] === 1)
            return colour;
    }
    return parse(getComputedStyle(document.documentElement).colorScheme) && [255, 255, 255];
};
const bad = [], walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
while (walker.nextNode()) {
    const element = walker.currentNode.parentElement;
    if (!walker.currentNode.data.trim() || !element.checkVisibility() ||
        element.closest("script, style, noscript, .unseen, svg"))
        continue;
    const style = getComputedStyle(element);
    const [a, b] = [light(parse(style.color)), light(ground(element))].sort((x, y) => y - x);
    const large = parseFloat(style.fontSize) >= 24 ||
        (parseFloat(style.fontSize) >= 18.66 && style.fontWeight >= 700);
    const ratio = (a + 0.05) / (b + 0.05);
    if (ratio < (large ? 3 : 4.5))
        bad.push(walker.currentNode.data.trim().slice(0, 40) + ": " + ratio.toFixed(2));
}
return bad"""

# What a screen reader needs: names, roles, headings in order.
FAULTS = """
const faults = [], all = (what) => Array.from(document.querySelectorAll(what));
const named = (element) => (element.getAttribute("aria-label") || "").trim() ||
    (element.getAttribute("aria-labelledby") || "").split(" ").map((id) =>
        (document.getElementById(id) || {}).textContent || "").join("").trim() ||
    (element.labels && Array.from(element.labels, (label) => label.textContent).join("").trim()) ||
    element.innerText.trim();
for (const element of all("button, a[href], input, select, [role=region], [role=img], nav, table"))
    if (element.checkVisibility() && !(element instanceof SVGElement && element.getAttribute("aria-hidden") === "true") &&
        !named(element instanceof SVGElement ? Object.assign(element, {innerText: ""}) : element))
        faults.push("no name: " + element.outerHTML.slice(0, 80));
for (const svg of all("svg"))
    if (svg.getAttribute("aria-hidden") !== "true" && svg.getAttribute("role") !== "img")
        faults.push("a picture without a role: " + svg.outerHTML.slice(0, 80));
const ids = all("[id]").map((element) => element.id);
for (const id of ids)
    if (ids.indexOf(id) !== ids.lastIndexOf(id))
        faults.push("an id twice: " + id);
let level = 0;
for (const head of all("h1, h2, h3")) {
    if (Number(head.tagName[1]) > level + 1)
        faults.push("a heading too deep: " + head.innerText);
    level = Number(head.tagName[1]);
}
for (const head of all("table th"))
    if (!head.getAttribute("scope"))
        faults.push("a heading of a table without a scope: " + head.innerText);
for (const link of all("a[href^='#']"))
    if (!document.querySelector(link.getAttribute("href")))
        faults.push("a link to nothing: " + link.getAttribute("href"));
if (document.documentElement.lang !== "en" || all("main").length !== 1 || all("h1").length !== 1)
    faults.push("no language, main or h1");
for (const place of all("[aria-live], [role=alert], [role=status]"))
    if (place.closest("[aria-hidden=true]"))
        faults.push("what is read aloud is hidden");
return faults"""


class Page:
    """The page of a daemon's host, watched for what it must never do."""

    def __init__(self, lab, daemon, width=1280, height=900):
        self.lab, self.daemon = lab, daemon
        self.browser = Browser(daemon.host, lab.directory)
        self.forgiven = ()
        self.browser.size(width, height)
        self.browser.open(URL)
        self.browser.until("return !document.getElementById('main').hidden", SHOWN_S,
                           "the page to show something")

    def __enter__(self):
        return self

    def __exit__(self, kind, value, trace):
        try:
            if kind is None:
                self.require_quiet()
        finally:
            self.browser.end()

    def require_quiet(self):
        """No error, no violation of the policy, no request to another place."""
        said = [line for line in self.browser.messages()
                if not any(word in line for word in self.forgiven)]
        equal(said, [], "what the console said")
        strange = {url for url in self.browser.requests()
                   if not url.startswith((URL, "data:", "chrome:", "chrome-extension:"))}
        equal(strange, set(), "requests to other places")

    def run(self, script, *arguments):
        return self.browser.run(script, *arguments)

    def row(self, table, name):
        return self.run(ROW, table, name)

    def names(self, table):
        return self.run(NAMES, table)

    def focus(self):
        """What has it: (element, id, text)."""
        return tuple(self.run("""const it = document.activeElement;
            return [it.tagName.toLowerCase(), it.id, it.innerText.trim()]"""))

    def until(self, condition, what, seconds=SHOWN_S):
        return until(condition, seconds, what, 0.1)

    def until_finding(self, *words):
        """Until one finding has all these words; its text."""
        def found():
            for finding in self.run(FINDINGS):
                if all(word in finding["text"] for word in words):
                    return finding["text"]
            return None
        return self.until(found, f"a finding with {words}; there are {self.run(TITLES)}")

    def until_fine(self, seconds=SHOWN_S):
        self.until(lambda: "Nothing needs you." in self.run(TITLES),
                   "the page to say that all is well", seconds)

    def require_as_status(self):
        """The findings are those of show status, the worst first."""
        def same():
            wanted = [item["reason"] for item in self.daemon.status()["problems"]]
            shown = [finding["code"] for finding in self.run(FINDINGS) if finding["code"]]
            return list(dict.fromkeys(wanted)) == list(dict.fromkeys(shown))
        self.until(same, "the page to show what show status does")

    def picture(self, name, whole=True):
        directory = os.environ.get("MQBRIDGE_PICTURES")
        if directory:
            os.makedirs(directory, exist_ok=True)
            self.browser.picture(os.path.join(directory, name + ".png"), whole)


def bridge(lab, route=None, **more):
    """Two daemons and a route "orders" with traffic."""
    flow = lab.flow("orders", "posix:/orders", "posix:/orders")
    flow.create(4, SIZE)
    a, b = lab.pair(
        {"metrics": URL.rstrip("/"), "queues": [{"name": "orders", "uri": "posix:/orders"}],
         "routes": [{"name": "orders", "from": "orders", "to": "b/orders", **(route or {})}], **more},
        {"queues": [{"name": "orders", "uri": "posix:/orders"}]}, b_takes=["orders"])
    for daemon in (a, b):
        daemon.start()
    flow.consume()
    flow.produce((0, 7), "--max", SIZE)
    return a, b, flow


def page_of_a_healthy_bridge_agrees_with_show(lab):
    a, _, flow = bridge(lab)
    with Page(lab, a) as page:
        page.until_fine()
        flow.wait_received(2000, 30)
        page.picture("healthy")
        flow.stop_producers()
        flow.wait_received(flow.sent(), 30)
        settled = page.until(lambda: (a.route("orders")["settled_total"] == flow.sent()
                                      and flow.sent()), "all to be settled")
        page.until(lambda: page.row("routes-table", "orders")["Settled"] == f"{settled:,}",
                   "the page to show what is settled")
        row, item = page.row("routes-table", "orders"), a.route("orders")
        equal((row["State"], row["From"], row["To"], row["Backlog"]),
              (item["state"], "orders", "b/orders", "0"), "the row of the route")
        equal(page.row("queues-table", "orders")["Received"], f"{settled:,}", "received")
        equal(page.row("peers-table", "b")["State"], "connected", "state of the peer")


def page_names_each_cause(lab):
    a, b, flow = bridge(lab)
    with Page(lab, a) as page:
        page.until_fine()
        flow.consumer.pause()
        page.until_finding("route orders stalled", "queue-full", "What to do:")
        page.require_as_status()
        require("stalled" in page.row("routes-table", "orders")["State"], "the row is not stalled")
        page.picture("stalled")
        flow.consumer.resume()
        page.until_fine(30)
        a.control("pause", "orders")
        page.until_finding("route orders paused", "mqbridgectl resume")
        page.require_as_status()
        a.control("resume", "orders")
        page.until_fine(30)
        b.stop()
        page.until_finding("peer b", "What to do:")
        page.require_as_status()
        b.start()
        page.until_fine(30)


def page_names_queues_that_are_absent_or_not_permitted(lab):
    """Root may use any queue, so this daemon is without privileges."""
    a = lab.daemon({"metrics": URL.rstrip("/"), "queues": [
        {"name": "in", "uri": "posix:/in"}, {"name": "out", "uri": "posix:/out"}],
        "routes": [{"name": "here", "from": "in", "to": "out"}]})
    ipcq = a.program("ipcq")
    shape = ["--max-messages", "2", "--message-size", "64"]
    for uri in ("posix:/in", "posix:/out"):
        lab.a.run([ipcq, "create", uri, *shape], stdout=subprocess.DEVNULL)
    unprivileged(lab, a)
    a.start()
    with Page(lab, a) as page:
        page.until_fine()
        lab.a.run([ipcq, "remove", "posix:/out"])
        lab.a.run([ipcq, "create", "posix:/out", *shape, "--mode", "0400"],
                  stdout=subprocess.DEVNULL)
        page.until_finding("queue out failed", "not-permitted", "What to do:")
        page.require_as_status()
        require("not-permitted" in page.row("queues-table", "out")["Why"], "the row says nothing")
        a.configure({"metrics": URL.rstrip("/"), "queues": [
            {"name": "in", "uri": "posix:/in"}, {"name": "out", "uri": "posix:/none"}],
            "routes": [{"name": "here", "from": "in", "to": "out"}]})
        a.stop()
        a.start()
        page.forgiven = ("ERR_CONNECTION_REFUSED", "ERR_CONNECTION_RESET", "ERR_EMPTY_RESPONSE")
        page.until_finding("queue out waiting", "queue-absent", "What to do:")
        page.require_as_status()


def unprivileged(lab, daemon):
    if shutil.which("setpriv") is None:
        raise Skipped("setpriv is not installed")
    path = os.path.join(lab.directory, "unprivileged")
    with open(path, "w", encoding="utf-8") as out:
        out.write(f'#!/bin/sh\nexec setpriv --inh-caps=-all --bounding-set=-all '
                  f'{daemon.binary} "$@"\n')
    os.chmod(path, 0o755)
    daemon.binary = path


def page_says_that_the_daemon_is_silent_and_recovers(lab):
    a, _, flow = bridge(lab)
    with Page(lab, a) as page:
        page.forgiven = ("ERR_CONNECTION_REFUSED", "ERR_CONNECTION_RESET", "ERR_EMPTY_RESPONSE")
        page.until_fine()
        flow.stop_producers()
        a.stop()
        words = "return document.getElementById('silence').innerText"
        page.until(lambda: "No answer from the daemon since" in page.run(words),
                   "the page to say that there is no answer")
        equal(page.run("return document.getElementById('live').innerText"), "not live", "live")
        equal(page.names("routes-table"), ["orders"], "what was known")
        page.picture("silent")
        a.start()
        page.run("document.getElementById('retry').click()")
        page.until(lambda: page.run("return document.getElementById('silence').hidden"),
                   "the page to recover", 40)
        page.until_fine(30)


def page_shows_names_of_any_bytes_as_text(lab):
    queues = [{"name": name, "uri": f"posix:/evil{i}", "create": {"max_messages": 2, "message_size": "64B"}}
              for i, name in enumerate(EVIL)]
    routes = [{"name": name, "from": name, "to": EVIL[(i + 1) % len(EVIL)]}
              for i, name in enumerate(EVIL[:3])]
    a = lab.daemon({"metrics": URL.rstrip("/"), "queues": queues, "routes": routes})
    a.start()
    with Page(lab, a) as page:
        shown = page.until(lambda: page.names("queues-table"), "the queues")
        equal(len(shown), len(EVIL), "how many queues are shown")
        for name in (EVIL[0], EVIL[1], EVIL[4], EVIL[5], EVIL[6]):
            require(name in shown, f"{name!r} is not shown as it is: {shown}")
        require("a b&amp;c\\\\u{202e}txt.exe" in shown or "a b&amp;c\\\\\\u{202e}txt.exe" in shown
                or any("\\u{202e}" in name for name in shown), f"direction is not shown: {shown}")
        equal(page.run("return document.querySelectorAll('main img, main script, main iframe').length"),
              0, "elements made of names")


def many(lab, count):
    """A daemon with that many local routes; the first tenth leads nowhere."""
    queues, routes = [], []
    for i in range(count):
        made = {"create": {"max_bytes": "512B"}}
        queues.append({"name": f"in-{i}", "uri": f"sysv:{0x5000 + i:#x}", "ring_size": "64KiB", **made})
        if i % 10 == 0:
            routes.append({"name": f"route-{i}", "from": f"in-{i}", "to": "absent"})
        else:
            routes.append({"name": f"route-{i}", "from": f"in-{i}", "to": f"out-{i % 7}"})
    queues += [{"name": f"out-{i}", "uri": f"sysv:{0x6000 + i:#x}", "create": {}} for i in range(7)]
    queues.append({"name": "absent", "uri": "sysv:0x7fff"})
    return lab.daemon({"metrics": URL.rstrip("/"), "queues": queues, "routes": routes})


def page_of_a_hundred_routes_is_usable(lab):
    a = many(lab, 100)
    a.start()
    with Page(lab, a) as page:
        names = page.until(lambda: page.names("routes-table"), "the routes")
        equal(len(names), 100, "routes shown")
        page.until(lambda: all(int(name.split("-")[1]) % 10 == 0
                               for name in page.names("routes-table")[:10]),
                   "those that need attention to come first")
        page.picture("hundred", False)
        page.run("""const box = document.getElementById("routes-filter");
            box.value = "route-4"; box.dispatchEvent(new Event("input"))""")
        equal(sorted(page.names("routes-table"), key=lambda name: int(name.split("-")[1])),
              ["route-4"] + [f"route-{i}" for i in range(40, 50)], "what the filter leaves")
        page.run("""const box = document.getElementById("routes-filter");
            box.value = ""; box.dispatchEvent(new Event("input"));
            document.getElementById("routes-bad").click()""")
        equal(len(page.names("routes-table")), 10, "what needs attention")
        page.run("""document.getElementById("routes-bad").click();
            const box = document.getElementById("routes-group");
            box.value = "state"; box.dispatchEvent(new Event("input"))""")
        groups = page.run("""return Array.from(document.querySelectorAll("#routes-table .group"),
            (line) => line.innerText)""")
        equal(sum(int(group.split("(")[1].rstrip(")")) for group in groups), 100, "in groups")
        took = page.run("""const begun = performance.now(); showAll(); document.body.offsetHeight;
            return performance.now() - begun""")
        require(took < 500, f"drawing all anew takes {took:.0f} ms")
        page.browser.size(360, 780, True)
        page.until(lambda: page.run("return document.documentElement.scrollWidth") <= 360,
                   "the page to fit a phone")


def walk(page, most=200):
    """Everything that Tab reaches, from the begin."""
    page.run("document.activeElement.blur(); scrollTo(0, 0)")
    reached = []
    for _ in range(most):
        page.browser.press(TAB)
        here = page.focus()
        if here[0] == "body" or (reached and here == reached[0]):
            break
        reached.append(here)
        visible = page.run("""const style = getComputedStyle(document.activeElement);
            return style.outlineStyle !== "none" || document.activeElement.matches(".skip, section, [role=region]")""")
        require(visible, f"the focus on {here} cannot be seen")
    return reached


def page_works_without_a_pointer(lab):
    a, _, flow = bridge(lab)
    flow.wait_received(10, 30)
    flow.stop_producers()
    with Page(lab, a) as page:
        page.until_fine(30)
        page.browser.press(TAB)
        equal(page.focus()[2], "Skip to what is wrong", "the first that Tab reaches")
        page.browser.press(ENTER)
        equal(page.focus()[1], "wrong", "where it leads")
        reached = walk(page)
        for wanted in ("routes-filter", "routes-group", "routes-bad", "routes-table", "letters-filter"):
            require(any(here[1] == wanted for here in reached), f"Tab does not reach {wanted}: {reached}")
        require(any(here[2].startswith("Backlog") for here in reached), "Tab reaches no sorter")
        page.run("""document.querySelector("#routes-table .opener").focus()""")
        page.browser.press(ENTER)
        facts = page.until(lambda: page.run("""const more = document.querySelector("#routes-table .more");
            return more && more.innerText"""), "the facts of the route")
        require("settled" in facts and "in flight" in facts, f"the facts are: {facts}")
        equal(page.run("return document.activeElement.getAttribute('aria-expanded')"), "true", "expanded")
        time_before = page.run("return document.getElementById('live').innerText")
        page.until(lambda: page.run("return document.getElementById('live').innerText") != time_before,
                   "the next answer")
        equal(page.focus()[2], "orders", "the focus after an answer")
        page.browser.press(SPACE)
        page.until(lambda: page.run("return document.querySelector('#routes-table .more') === null"),
                   "the facts to be closed")


def page_is_fit_for_readers_in_light_and_dark(lab):
    a, _, flow = bridge(lab)
    with Page(lab, a) as page:
        page.until_fine()
        flow.consumer.pause()
        page.until_finding("route orders stalled")
        page.run("document.querySelectorAll('.opener').forEach((opener) => opener.click())")
        equal(page.run(FAULTS), [], "faults of the structure")
        for scheme in ("light", "dark"):
            page.browser.prefer(color_scheme=scheme)
            equal(page.run(CONTRAST), [], f"texts that are too pale in {scheme}")
        page.picture("dark")
        page.browser.prefer(reduced_motion="reduce")
        equal(page.run("""return Array.from(document.querySelectorAll(".stream"),
            (line) => getComputedStyle(line).animationName).filter((name) => name !== "none")"""), [],
              "what moves although it should not")
        require("stalled" in page.run("return document.getElementById('announce').innerText"),
                "the worst is not read aloud")


def page_fits_a_phone(lab):
    a, _, flow = bridge(lab)
    with Page(lab, a, 360, 780) as page:
        page.browser.size(360, 780, True)
        page.until_fine()
        flow.consumer.pause()
        page.until_finding("route orders stalled")
        page.run("document.querySelectorAll('.opener').forEach((opener) => opener.click())")
        width = page.run("return document.documentElement.scrollWidth")
        require(width <= 360, f"the page is {width} wide")
        wide = page.run("""return Array.from(document.querySelectorAll("main *"))
            .filter((it) => it.getBoundingClientRect().right > 361 && !it.closest("svg, thead"))
            .map((it) => it.outerHTML.slice(0, 80))""")
        equal(wide, [], "what reaches beyond")
        page.run("document.querySelectorAll('.opener').forEach((opener) => opener.click())")
        page.picture("phone", False)
        page.picture("phone-whole")


def page_lists_dead_letters_without_bodies(lab):
    secret = "S3CRET" * 8
    a = lab.daemon({"metrics": URL.rstrip("/"), "queues": [
        {"name": "wide", "uri": "posix:/wide", "create": {"max_messages": 4, "message_size": "64B"}},
        {"name": "tight", "uri": "posix:/tight", "create": {"max_messages": 4, "message_size": "16B"}}],
        "routes": [{"name": "tight", "from": "wide", "to": "tight"}]})
    a.start()
    with Page(lab, a) as page:
        a.control("send", "wide", secret)
        page.until(lambda: page.names("letters-table"), "the dead letter")
        letter = a.show("dead-letters")[0]
        equal(page.names("letters-table"), [letter["id"]], "its id")
        page.run("document.querySelector('#letters-table .opener').focus()")
        page.browser.press(ENTER)
        text = page.until(lambda: page.run("""const more = document.querySelector("#letters-table .more");
            return more && more.innerText"""), "its head")
        require(f"mqbridgectl show dead-letter {letter['id']}" in text, f"no way to its body: {text}")
        for path in ("status", "queues", "routes", "peers", "dead-letters", "in-doubt", "events"):
            status, _, body = get(a.host, PORT, f"/api/1/{path}")
            equal((status, b"S3CRET" in body), (200, False), f"status, and the body in {path}")
            json.loads(body)
        require("S3CRET" not in page.run("return document.documentElement.innerHTML"), "the body is shown")
        page.picture("letters")


if __name__ == "__main__":
    sys.exit(main(page_of_a_healthy_bridge_agrees_with_show, page_names_each_cause,
                  page_names_queues_that_are_absent_or_not_permitted,
                  page_says_that_the_daemon_is_silent_and_recovers,
                  page_shows_names_of_any_bytes_as_text, page_of_a_hundred_routes_is_usable,
                  page_works_without_a_pointer, page_is_fit_for_readers_in_light_and_dark,
                  page_fits_a_phone, page_lists_dead_letters_without_bodies))
