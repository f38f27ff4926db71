#!/usr/bin/env python3
"""Who may do what over the control socket, and what of it is logged; with users that are told
apart by the numbers of the namespace, where there are several."""
import contextlib
import json
import os
import re
import shutil
import socket
import subprocess
import sys

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

from harness.lab import equal, main, require
from harness.programs import Skipped, until

PATIENCE_S = 20
VIEWER, OPERATOR, ADMIN, MEMBER = 6, 2, 3, 5  # of every Debian
GROUP = 29
# Runs its arguments as another user, with or without a supplementary group.
AS_OTHER = ("import os,sys; os.setgroups([int(g) for g in sys.argv[2].split(',') if g]); "
            "os.setgid(int(sys.argv[1])); os.setuid(int(sys.argv[1])); "
            "os.execv(sys.argv[3], sys.argv[3:])")


def roles(**more):
    return {"queues": [{"name": "q", "uri": "posix:/q"}, {"name": "r", "uri": "posix:/r"}],
            "routes": [{"name": "main", "from": "q", "to": "r"}],
            "operators": {"users": [OPERATOR], "groups": [GROUP]},
            "admins": {"users": [ADMIN]}, **more}


def started(lab, settings):
    """A daemon whose socket everybody reaches, and beside it a client: a build may be private."""
    daemon = lab.daemon(settings)
    daemon.start()
    os.chmod(daemon.socket, 0o666)
    for place in (os.path.dirname(daemon.socket), os.path.dirname(os.path.dirname(daemon.socket))):
        os.chmod(place, 0o755)
    shutil.copy(daemon.program("mqbridgectl"), client_of(daemon))
    return daemon


def client_of(daemon):
    return os.path.join(os.path.dirname(daemon.socket), "mqbridgectl")


def ask_as(daemon, user, *words, groups=""):
    """(status, output, complaints) of mqbridgectl of that user."""
    done = subprocess.run(
        daemon.host.command([sys.executable, "-c", AS_OTHER, str(user), groups,
                             client_of(daemon), "--socket", daemon.socket, *words]),
        capture_output=True, text=True, check=False, timeout=60, stdin=subprocess.DEVNULL)
    if "PermissionError" in done.stderr or "Invalid argument" in done.stderr:
        raise Skipped(f"no other users here: {done.stderr.strip().splitlines()[-1]}")
    return done.returncode, done.stdout, done.stderr


def every_role_may_do_its_part(lab):
    daemon = started(lab, roles())
    for user, groups, may in ((VIEWER, "", (0, 4, 4)), (OPERATOR, "", (0, 0, 4)),
                              (MEMBER, str(GROUP), (0, 0, 4)), (MEMBER, "", (0, 4, 4)),
                              (ADMIN, "", (0, 0, 0))):
        found = [ask_as(daemon, user, *words, groups=groups) for words in
                 (("show", "routes"), ("resume", "main"), ("purge", "route", "main", "yes"))]
        equal([min(status, 4) if status != 7 else 0 for status, _, _ in found], list(may),
              f"what user {user} of group {groups or 'none'} may ({found})")
    complaint = ask_as(daemon, VIEWER, "resume", "main")[2]
    for part in ("not permitted", "operator", "operators", str(VIEWER)):
        require(part in complaint, f"no {part!r} in: {complaint}")
    document = json.loads(ask_as(daemon, OPERATOR, "purge", "route", "main", "--json")[1])
    equal(document["code"], "not-permitted", "the code")


def changes_are_logged_with_who_made_them(lab):
    daemon = started(lab, roles())
    daemon.control("pause", "main")
    daemon.control("resu", "main")
    daemon.control("show", "routes")
    with open(daemon.log, encoding="utf-8") as file:
        log = file.read()
    for wanted in (r"control: uid 0 \(root\) pid \d+: pause main: done",
                   r"control: uid 0 \(root\) pid \d+: resume main: done"):
        require(re.search(wanted, log), f"no {wanted!r} in the log: {log}")
    require("show routes" not in log, "what only shows is logged")
    try:
        ask_as(daemon, VIEWER, "pause", "main")
    finally:
        with open(daemon.log, encoding="utf-8") as file:
            log = file.read()
    require(re.search(rf"warn .*uid {VIEWER}\b.*pause main: not permitted", log),
            f"the attempt is not in the log: {log}")


def log_takes_no_lines_from_requests(lab):
    daemon = started(lab, roles())
    with socket.socket(socket.AF_UNIX) as client:
        client.settimeout(PATIENCE_S)
        client.connect(daemon.socket)
        client.sendall("resume a\x1b[2J\nresume \u009b31m\nresume \u202eevil\n".encode())
        client.shutdown(socket.SHUT_WR)
        while client.recv(4096):
            pass
    with open(daemon.log, "rb") as file:
        log = file.read()
    require(b"\x1b" not in log and "\u009b".encode() not in log, f"raw bytes in {log!r}")


def roles_of_a_new_configuration_hold_after_a_reload(lab):
    daemon = started(lab, roles())
    equal(ask_as(daemon, VIEWER, "resume", "main")[0], 4, "status of a viewer")
    daemon.configure(roles(operators={"users": [VIEWER]}))
    daemon.control("reload")
    until(lambda: ask_as(daemon, VIEWER, "resume", "main")[0] in (0, 7), PATIENCE_S,
          "the viewer to be an operator")
    equal(ask_as(daemon, OPERATOR, "resume", "main")[0], 4, "status of the former operator")


@contextlib.contextmanager
def tapping(daemon, user, *words):
    with subprocess.Popen(
            daemon.host.command([sys.executable, "-c", AS_OTHER, str(user), "",
                                 client_of(daemon), "--socket", daemon.socket, *words]),
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        try:
            yield process
        finally:
            process.kill()


def what_is_permitted_no_more_ends(lab):
    daemon = started(lab, roles())
    require(ask_as(daemon, OPERATOR, "resume", "main")[0] in (0, 7), "an operator is none")
    with tapping(daemon, OPERATOR, "tap", "main", "body") as tap:
        tap.stdout.readline()  # a sign of life, though nothing passes
        daemon.configure(roles(operators={"users": [VIEWER]}))
        daemon.control("reload")
        tap.wait(PATIENCE_S)


def bodies_are_for_operators(lab):
    daemon = started(lab, roles())
    asked = ("tap", "main", "body", "count", "1")
    for queue in ("posix:/q", "posix:/r"):
        daemon.host.run([daemon.program("ipcq"), "create", queue, "--max-messages", "4",
                         "--message-size", "64"], stdout=subprocess.DEVNULL)
    daemon.control("wait", "ready")
    for words in (asked, ("show", "dead-letter", "main/1"), ("export", "dead-letters")):
        equal(ask_as(daemon, VIEWER, *words)[0], 4, f"status of a viewer: {words}")
    equal(ask_as(daemon, OPERATOR, "show", "dead-letter", "main/1")[0], 5, "no such dead letter")
    equal(ask_as(daemon, OPERATOR, "export", "dead-letters")[0], 0, "no dead letters at all")
    with tapping(daemon, OPERATOR, *asked) as tap:
        tap.stdout.readline()  # a sign of life
        daemon.control("send", "q", "text", "well-known")
        said = tap.stdout.read()
        equal(tap.wait(PATIENCE_S), 0, "status of an operator's tap")
    require("well-known" in said, f"no body in {said!r}")


def group_of_the_socket_is_the_configured_one(lab):
    daemon = lab.daemon(roles(control_group=0))
    daemon.start()
    equal(os.stat(daemon.socket).st_gid, 0, "group of the socket")
    daemon.stop()
    daemon.configure(roles(control_group="no such group"))
    status, out = daemon.check()
    require(status != 0 and "control_group" in out, f"--check says {status}: {out}")


if __name__ == "__main__":
    sys.exit(main(every_role_may_do_its_part, changes_are_logged_with_who_made_them,
                  log_takes_no_lines_from_requests,
                  roles_of_a_new_configuration_hold_after_a_reload,
                  what_is_permitted_no_more_ends, bodies_are_for_operators,
                  group_of_the_socket_is_the_configured_one))
