#!/usr/bin/env python3
"""mqbridgectl as people use it: tables on a terminal, --watch, check and top."""
import json
import os
import shlex
import subprocess
import sys

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

from harness.lab import equal, main, require
from harness.programs import Skipped, until
from harness.terminal import OnPty, Tmux, plain

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
SHOWS = ("status", "queues", "routes", "peers", "spool", "dead-letters", "in-doubt", "limits")
SCREEN_LINES = 24
MANY = 100


def command(daemon, *words):
    return daemon.host.command([daemon.program("mqbridgectl"), "--socket", daemon.socket,
                                *words])


def ask(daemon, *words, **how):
    """(status, output) without a terminal."""
    done = subprocess.run(command(daemon, *words), stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True, check=False, **how)
    return done.returncode, done.stdout


def on_terminal(daemon, columns, *words, **environment):
    return OnPty(command(daemon, *words), columns, environment).finish()


def flowing(lab):
    flow = lab.flow("flow", "posix:/a", "posix:/b")
    flow.create(4, 64)
    daemons = lab.one_way("posix:/a", "posix:/b")
    until(lambda: daemons[0].status()["peers_up"] == 1, 20, "the two to be connected")
    return flow, *daemons


# ---- tables -----------------------------------------------------------------------------

def tables_fit_the_terminal(lab):
    _, a, _ = flowing(lab)
    status, text = on_terminal(a, 80, "show", "routes")
    require(plain(text).startswith("NAME"), f"no table of routes on 80 columns: {text}")
    for columns in (60, 80, 200):
        for what in ("queues", "routes", "peers", "limits"):
            status, text = on_terminal(a, columns, "show", what)
            equal(status, 0, f"status of show {what} ({text})")
            lines = plain(text).splitlines()
            require(lines, f"show {what}: nothing")
            if lines[0].split()[0].endswith(":"):
                continue  # a list, which the terminal may break
            for line in lines:
                require(len(line) <= columns or line.startswith("warning: "),
                        f"show {what} at {columns}: {len(line)} characters: {line}")


def colour_is_for_terminals(lab):
    _, a, _ = flowing(lab)
    require("\033[32m" in on_terminal(a, 200, "show", "peers")[1], "no colour on a terminal")
    for environment in ({"NO_COLOR": "1"}, {"TERM": "dumb"}):
        require("\033" not in on_terminal(a, 200, "show", "peers", **environment)[1],
                f"colour with {environment}")
    require("\033" not in ask(a, "show", "peers")[1], "colour without a terminal")
    require("\033" not in on_terminal(a, 80, "show", "peers", "--json")[1], "colour in JSON")


def raw_answer(daemon, line):
    """Byte for byte what the daemon says, without the empty line at its end."""
    script = ("import socket, sys\ns = socket.socket(socket.AF_UNIX)\ns.connect(sys.argv[1])\n"
              "s.sendall(sys.argv[2].encode() + b'\\n')\ns.shutdown(socket.SHUT_WR)\n"
              "while part := s.recv(65536):\n    sys.stdout.buffer.write(part)\n")
    done = subprocess.run(daemon.host.command([sys.executable, "-c", script, daemon.socket,
                                               line]), stdout=subprocess.PIPE, check=True)
    return done.stdout.decode()


def answer_without_a_terminal_is_the_daemons(lab):
    _, a, _ = flowing(lab)
    for line in ("show queues", "show peers", "show version", "help drain"):
        wanted = raw_answer(a, line)
        require(wanted.endswith("\n\n"), f"{line}: no empty line at the end")
        equal(ask(a, *line.split())[1], wanted[:-1], line)


def help_is_for_every_command(lab):
    """Of the daemon and of the client, by name and by the option, on a terminal and elsewhere."""
    _, a, _ = flowing(lab)
    document = validate(ask(a, "help", "--json")[1])
    rows = [item["command"] for item in document["items"]]
    require({"check", "top", "doctor", "drain"} <= {row.split()[0] for row in rows},
            f"commands of {rows}")
    for row in rows:
        own = [word for word in row.split()[:2] if word.isalpha() and word.islower()
               or word in ("dead-letters", "dead-letter", "in-doubt")]
        for words in (("help", *own), (*own, "--help")):
            status, text = ask(a, *words)
            require(status == 0 and row in text, f"{words}: status {status}: {text}")
    status, text = on_terminal(a, 80, "help")
    require(status == 0 and "doctor [--config FILE]" in text, text)
    status, text = on_terminal(a, 80, "help", "pause")
    require("ROLE: operator" in plain(text), text)


# What somebody says who has not read the manual: (exit status, words, what the answer says).
GUESSES = (
    (2, "show", "wants another word: show status"),
    (2, "show rout", "may mean: show routes, show route ROUTE"),
    (5, "show route nosuch", "\"show routes\" lists them"),
    (2, "show statsu", "near is: show status"),
    (2, "doctr", "near is: doctor"),
    (5, "pause nosuch", "\"show routes\" and \"show peers\" list them"),
    (2, "drain main timeout", "behind \"timeout\" a duration is missing"),
    (2, "drain main timeout 0s", "from 1ms to 30d"),
    (2, "wait settled main timeout", "behind \"timeout\" a duration is missing"),
    (2, "wait settled timeout 5", "a duration with a unit"),
    (5, "wait settled nosuch", "no enabled route is called nosuch"),
    (2, "send out priority 1", "the body is missing"),
    (2, "send out", "send QUEUE BODY..."),
    (2, "tap main count 1 body", "behind the route may stand \"body\", then"),
    (2, "tap", "tap ROUTE body [every N] [count N], or: tap ROUTE [every N] [count N]"),
    (2, "log warning", "must be error, warn, info or debug"),
    (2, "log debug link link", "it is: log, or: log error|warn|info|debug [AREA]"),
    (2, "explain out colour 3", "it is: explain QUEUE"),
    (2, "purge route main", "--yes confirms it in a script"),
    (2, "reload now", "takes nothing behind it"),
    (2, "top", "top wants a terminal"),
    (2, "help nosuch", "\"nosuch\" is not a command"),
)


def who_guesses_is_told_what_to_say(lab):
    _, a, _ = flowing(lab)
    for wanted, line, words in GUESSES:
        status, text = ask(a, *line.split(), stdin=subprocess.DEVNULL)
        require(status == wanted and words in text, f"{line}: status {status}: {text}")
    equal(a.route("main")["state"], "idle", "state of the route after all that")


# ---- --watch ----------------------------------------------------------------------------

def watch_repeats_on_a_terminal_and_in_a_pipe(lab):
    _, a, _ = flowing(lab)
    words = ("--watch", "200ms", "show", "peers")
    terminal = OnPty(command(a, *words), 80)
    try:
        until(lambda: terminal.read().count("\033[2J") >= 3, 20, "three screens")
        require(plain(terminal.read()).count("NAME") >= 2, "no tables")
    finally:
        terminal.end()
    with subprocess.Popen(command(a, *words), stdout=subprocess.PIPE, text=True) as process:
        text = "".join(process.stdout.readline() for _ in range(8))
        process.stdout.close()  # which ends it
        process.wait(20)
    require("\033" not in text and text.count("NAME") >= 2 and "\n\n" in text, text)


def watch_repeats_nothing_that_changes(lab):
    _, a, _ = flowing(lab)
    for wanted, *words in ((2, "pause", "main"), (3, "check"), (2, "doctor")):
        status, text = ask(a, "--watch", "200ms", *words)
        equal(status, wanted, f"status of --watch {words} ({text})")
    equal(a.route("main")["state"], "idle", "state of the route")


# ---- check ------------------------------------------------------------------------------

def validate(text):
    document = json.loads(text)
    try:
        import jsonschema
    except ImportError:
        return document
    with open(os.path.join(ROOT, "docs", "control.schema.json"), encoding="utf-8") as file:
        jsonschema.validate(document, json.load(file))
    return document


def checked(daemon, wanted, *options):
    """The line of check, whose status is as wanted."""
    status, text = ask(daemon, "check", *options)
    equal(status, wanted, f"status of check ({text})")
    word = ("OK", "WARNING", "CRITICAL", "UNKNOWN")[wanted]
    require(text.startswith(f"MQBRIDGE {word}: ") and text.count("\n") == 1, text)
    document = validate(ask(daemon, "check", "--json", *options)[1])
    equal(document["items"][0]["exit_status"], wanted, "exit status in JSON")
    return text


def check_tells_what_is_wrong(lab):
    _, a, b = flowing(lab)
    text = checked(a, 0)
    require("1/1 peers up" in text and " | oldest=" in text, text)
    ask(a, "pause", "main")
    require("main" in checked(a, 1), "the paused route is not named")
    ask(a, "resume", "main")
    until(lambda: a.route("main")["state"] == "idle", 20, "the route to go on")
    checked(a, 0)
    b.stop()
    until(lambda: a.status()["peers_up"] == 0, 20, "the peer to be gone")
    status, text = ask(a, "check")
    require(status in (1, 2) and "peer-not-connected" not in text, text)
    a.stop()
    require("no daemon answers" in checked(a, 2), "no daemon")


def check_of_a_stalled_route_is_critical(lab):
    flow, a, _ = flowing(lab)
    # Nobody reads: the destination and then the route are full.
    flow.produce([1], "--size", 64, "--count", 20)
    until(lambda: a.route("main")["state"] == "stalled", 60, "the route to stall")
    require("main" in checked(a, 2), "the route is not named")
    until(lambda: (a.status()["oldest_age_s"] or 0) > 1.5, 20, "the oldest to age")
    require("too old" in checked(a, 2, "--age-critical", "1s"), "the age is not told")
    require(";1.000;2.000;0" in checked(a, 2, "--age-warning", "1s", "--age-critical", "2s"),
            "the limits are not told")


def check_that_may_not_ask_is_unknown(lab):
    _, a, _ = flowing(lab)
    checked(a, 0)
    script = 'exec setpriv --reuid=65534 --regid=65534 --clear-groups "$@"'
    os.chmod(os.path.dirname(a.socket), 0o755)
    os.chmod("/run/mqbridge", 0o755)
    inner = [a.program("mqbridgectl"), "--socket", a.socket, "check"]
    if not os.access(os.path.dirname(inner[0]), os.X_OK):
        raise Skipped("the build is not for others")
    done = subprocess.run(a.host.command(["sh", "-c", script, "sh", *inner]), text=True,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
    if "setpriv" in done.stdout:
        raise Skipped(done.stdout.strip())
    equal(done.returncode, 3, f"status ({done.stdout})")
    require(done.stdout.startswith("MQBRIDGE UNKNOWN: not permitted"), done.stdout)


# ---- top --------------------------------------------------------------------------------

class Top:
    """mqbridgectl top in tmux."""

    def __init__(self, lab, daemon, columns=120, lines=SCREEN_LINES, utf8=True):
        self.tmux = Tmux(lab.directory, columns, lines, utf8=utf8)
        self.tmux.type("-l", shlex.join(command(daemon, "--watch", "300ms", "top")))
        self.tmux.type("Enter")

    def __enter__(self):
        return self.tmux

    def __exit__(self, *what):
        self.tmux.end()


def has(*words):
    return lambda screen: all(word in screen for word in words)


def top_shows_and_steers(lab):
    flow, a, _ = flowing(lab)
    flow.consume()
    flow.produce([1], "--size", 64, "--rate", 200, "--count", 50000)
    with Top(lab, a) as tmux:
        screen = tmux.wait(has("ROUTE", "main", "peers 1/1", "\u2588"), "rows and a trend")
        require(" 0 " not in screen.splitlines()[5][:40], f"no rates: {screen}")
        tmux.type("p")
        tmux.wait(has("pause route main: done", "paused"), "the pause")
        equal(a.route("main")["state"], "paused", "state")
        tmux.type("r")
        tmux.wait(lambda screen: "resume route main: done" in screen
                  and "paused" not in screen, "the end of the pause")
        require(a.route("main")["state"] != "paused", "still paused")
        tmux.type("s")
        tmux.wait(has("order: name"), "another order")
        tmux.type("Tab")
        tmux.wait(has("PEER", "RTT", "connected"), "the peers")
        tmux.type("h")
        tmux.wait(has("Tab routes/peers"), "the keys")
        tmux.resize(60, 15)
        screen = tmux.wait(lambda screen: len(screen.splitlines()) <= 15
                           and "PEER" in screen and "connected" in screen, "the new size")
        tmux.resize(120, SCREEN_LINES)
        tmux.type("q")
        tmux.wait(lambda screen: "prompt$" in screen and "PEER" not in screen,
                  "the screen that was")


def top_outlives_the_daemon(lab):
    _, a, _ = flowing(lab)
    with Top(lab, a) as tmux:
        tmux.wait(has("main", "running"), "rows")
        a.stop()
        tmux.wait(has("no daemon answers"), "the end of the daemon")
        a.start()
        tmux.wait(has("main", "peers 1/1"), "the new daemon")
        tmux.type("q")
        tmux.wait(has("prompt$"), "the end")


def top_speaks_ascii(lab):
    flow, a, _ = flowing(lab)
    flow.consume()
    flow.produce([1], "--size", 64, "--rate", 200, "--count", 20000)
    with Top(lab, a, columns=60, utf8=False) as tmux:
        screen = tmux.wait(has("main", "BACKLOG"), "rows")
        require(screen.isascii(), f"more than ASCII: {screen}")
        for line in screen.splitlines():
            require(len(line) <= 60, f"a line is too long: {line}")
        rows = [line for line in screen.splitlines() if line.startswith("main")]
        equal(len(rows), 1, f"rows of the route in {screen}")
        tmux.resize(120, SCREEN_LINES)
        require(tmux.wait(has("LAST MINUTES"), "the wider screen").isascii(), "the trend")


def top_scrolls(lab):
    # A source has at most 16 routes. That the queues are not there does not matter here.
    queues = [{"name": f"in{i}", "uri": f"posix:/in{i}"} for i in range(MANY // 10)]
    routes = [{"name": f"route-{i:03}", "from": f"in{i // 10}", "to": f"b/e{i}"}
              for i in range(MANY)]
    a = lab.daemon({"queues": queues, "routes": routes, "peers": [{"name": "b"}]})
    a.start()
    with Top(lab, a) as tmux:
        tmux.wait(has("route-000"), "the first rows")
        require("route-099" not in tmux.screen(), "all at once")
        for _ in range(MANY):
            tmux.type("j")
        screen = tmux.wait(has("route-099"), "the last row")
        require("route-000" not in screen, "it has not scrolled")
        for _ in range(MANY):
            tmux.type("Up")
        tmux.wait(has("route-000"), "the first row")


def top_wants_a_terminal(lab):
    _, a, _ = flowing(lab)
    status, text = ask(a, "top", stdin=subprocess.DEVNULL)
    equal(status, 2, text)
    a.stop()
    equal(ask(a, "top", stdin=subprocess.DEVNULL)[0], 3, "status without a daemon")


if __name__ == "__main__":
    sys.exit(main(tables_fit_the_terminal, colour_is_for_terminals,
                  answer_without_a_terminal_is_the_daemons,
                  help_is_for_every_command, who_guesses_is_told_what_to_say,
                  watch_repeats_on_a_terminal_and_in_a_pipe,
                  watch_repeats_nothing_that_changes, check_tells_what_is_wrong,
                  check_of_a_stalled_route_is_critical, check_that_may_not_ask_is_unknown,
                  top_shows_and_steers, top_outlives_the_daemon, top_speaks_ascii, top_scrolls,
                  top_wants_a_terminal))
