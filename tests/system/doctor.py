#!/usr/bin/env python3
"""What mqbridgectl doctor finds: each finding is made real, and so is its mend where it can."""
import json
import os
import resource
import subprocess
import sys

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

from harness.lab import equal, main, require
from harness.programs import Skipped, program

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
CLOCK = "clock"  # of the machine, whatever it is



class Patient:
    """A configuration that nothing is wrong with, but for what a test changes."""

    def __init__(self, lab, user="root"):
        self.lab = lab
        lab.a.run([program(lab.build, "ipcq"), "create", "posix:/in",
                   "--max-messages", "4", "--message-size", "64"])
        self.settings = {
            "queues": [{"name": "in", "uri": "posix:/in"},
                       {"name": "out", "uri": "posix:/out",
                        "create": {"max_messages": 4, "message_size": "64B"}}],
            "routes": [{"name": "main", "from": "in", "to": "out"}],
            "dead_letter_limit": "1MiB", "reserve_space": "0B", "reserve_percent": 0}
        self.daemon = lab.daemon(self.settings)
        self.units = os.path.join(lab.directory, "units")
        os.makedirs(self.units)
        self.unit(User=user)

    def unit(self, **settings):
        """Those of the service, in a directory that hides what the machine has."""
        with open(os.path.join(self.units, "mqbridged.service"), "w", encoding="utf-8") as out:
            out.write("[Service]\n" + "".join(f"{key}={value}\n"
                                              for key, value in settings.items()))

    def configure(self, **settings):
        self.daemon.configure({**self.settings, **settings})

    def command(self, *words):
        """Under the unit's directory, in the host's namespaces."""
        script = ('mkdir -p /etc/systemd/system && mount --bind "$1" /etc/systemd/system && '
                  'shift && exec "$@"')
        return self.lab.a.command(
            ["unshare", "--mount", "sh", "-c", script, "sh", self.units,
             program(self.lab.build, "mqbridgectl"), "--config", self.daemon.conf,
             "doctor", *words])

    def ask(self, *words, **how):
        return subprocess.run(self.command(*words), stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, text=True, check=False, **how)

    def findings(self, **how):
        """({object: finding}, exit status) without that of the clock."""
        done = self.ask("--json", **how)
        document = json.loads(done.stdout)
        validate(document)
        found = {item["object"]: item for item in document["items"]}
        for item in document["items"]:
            bad = item["severity"] != "ok"
            equal((item["why"] is not None, item["mend"] is not None), (bad, bad),
                  f"why and mend of {item}")
        worst = {item["severity"] for item in document["items"]}
        equal(done.returncode, 1 if "error" in worst else 7 if "warning" in worst else 0,
              "exit status")
        return found

    def faults(self, **how):
        """{object: severity} of all that is not as it should be."""
        return {name: item["severity"] for name, item in self.findings(**how).items()
                if item["severity"] != "ok" and name != CLOCK}


def validate(document):
    try:
        import jsonschema
    except ImportError:
        return
    with open(os.path.join(ROOT, "docs", "control.schema.json"), encoding="utf-8") as file:
        jsonschema.validate(document, json.load(file))


def only(patient, name, severity, **how):
    """The finding, which must be the only one."""
    equal(patient.faults(**how), {name: severity}, "findings")
    return patient.findings(**how)[name]


def bind_logind(lab, text):
    """logind.conf for all that follows."""
    for path in ("/usr/lib/systemd/systemd-logind", "/etc/systemd"):
        if not os.path.exists(path):
            raise Skipped(f"there is no {path}")
    directory = os.path.join(lab.directory, "systemd")
    os.makedirs(os.path.join(directory, "system"))
    with open(os.path.join(directory, "logind.conf"), "w", encoding="utf-8") as out:
        out.write(text)
    lab.a.run(["mount", "--bind", directory, "/etc/systemd"])


# ---- tests ------------------------------------------------------------------------------

def nothing_is_wrong(lab):
    patient = Patient(lab)
    equal(patient.faults(), {}, "findings")
    text = patient.ask().stdout
    require("ok       queue in: posix:/in: 4 messages of 64 bytes\n" in text, text)
    require("\033" not in text, "colour without a terminal")


def faults_of_the_configuration_are_findings(lab):
    patient = Patient(lab)
    patient.configure(routes=[{"name": "main", "from": "nowhere", "to": "out"}])
    finding = only(patient, "routes.main.from", "error")
    require("line " in finding["mend"] and patient.daemon.conf in finding["mend"],
            finding["mend"])


def queue_that_is_absent(lab):
    patient = Patient(lab)
    lab.a.run([program(lab.build, "ipcq"), "remove", "posix:/in"])
    finding = only(patient, "queue in", "error")
    require(finding["mend"].startswith("ipcq create posix:/in;"), finding["mend"])


def queue_of_the_wrong_mode(lab):
    patient = Patient(lab, user="nobody")
    lab.a.run(["chown", "-R", "nobody", lab.directory, patient.daemon.run_directory])
    finding = only(patient, "queue in", "error")
    require("nobody may not read posix:/in" in finding["what"], finding["what"])
    # Its mend is a command, which is run.
    mend = finding["mend"].replace("ipcq ", program(lab.build, "ipcq") + " ", 1)
    lab.a.run(["sh", "-c", mend])
    equal(patient.faults(), {}, "findings after the mend")


def queue_of_another_shape(lab):
    patient = Patient(lab)
    lab.a.run([program(lab.build, "ipcq"), "create", "posix:/out",
               "--max-messages", "2", "--message-size", "64"])
    only(patient, "queue out", "warning")


def limit_of_queues_is_too_small(lab):
    patient = Patient(lab)

    def little():
        resource.setrlimit(resource.RLIMIT_MSGQUEUE, (400, 400))

    patient.unit(User="root", LimitMSGQUEUE="600")
    finding = only(patient, "RLIMIT_MSGQUEUE", "error", preexec_fn=little)
    require("LimitMSGQUEUE=" in finding["mend"], finding["mend"])
    patient.unit(User="root", LimitMSGQUEUE="16M")
    equal(patient.faults(), {}, "findings with the unit mended")


def limits_of_the_process(lab):
    patient = Patient(lab)
    patient.unit(User="root", LimitNOFILE="64")
    finding = only(patient, "RLIMIT_NOFILE", "error")
    require(finding["what"].startswith("64, ") and "used" not in finding["what"],
            finding["what"])
    patient.unit(User="root", LimitMEMLOCK="64K")
    only(patient, "RLIMIT_MEMLOCK", "warning")


def limit_of_the_kernel(lab):
    patient = Patient(lab)
    patient.configure(queues=[patient.settings["queues"][0],
                              {"name": "out", "uri": "posix:/out",
                               "create": {"max_messages": 50, "message_size": "64B"}}])
    lab.a.run(["sh", "-c", "echo 10 >/proc/sys/fs/mqueue/msg_max"])
    finding = only(patient, "fs.mqueue.msg_max", "error")
    require(finding["mend"].startswith("sysctl -w fs.mqueue.msg_max=50,"), finding["mend"])


def logind_removes_the_queues_of_a_person(lab):
    bind_logind(lab, "[Login]\nRemoveIPC=yes\n")
    patient = Patient(lab, user="12345")
    account = os.path.join(lab.directory, "passwd")
    with open("/etc/passwd", encoding="utf-8") as file:
        text = file.read()
    with open(account, "w", encoding="utf-8") as out:
        out.write(text + "person:x:12345:12345::/:/bin/sh\n")
    lab.a.run(["mount", "--bind", account, "/etc/passwd"])
    lab.a.run(["chown", "-R", "12345", lab.directory, patient.daemon.run_directory])
    lab.a.run([program(lab.build, "ipcq"), "set", "posix:/in", "--mode", "0666"])
    finding = only(patient, "RemoveIPC", "warning")
    require("RemoveIPC=no" in finding["mend"], finding["mend"])
    with open(os.path.join(lab.directory, "systemd", "logind.conf"), "w",
              encoding="utf-8") as out:
        out.write("[Login]\nRemoveIPC=no\n")
    equal(patient.faults(), {}, "findings with logind.conf mended")


def user_that_is_absent(lab):
    patient = Patient(lab, user="nobody-is-called-so")
    only(patient, "nobody-is-called-so", "error")


def ring_directory_is_not_on_tmpfs(lab):
    patient = Patient(lab)
    directory = os.path.join(lab.directory, "rings")
    os.makedirs(directory)
    if subprocess.run(["stat", "-f", "-c", "%T", directory], stdout=subprocess.PIPE, text=True,
                      check=True).stdout.strip() == "tmpfs":
        raise Skipped("the temporary directory is on tmpfs")
    patient.configure(ring_directory=directory)
    finding = only(patient, directory, "error")
    require("not on tmpfs" in finding["what"], finding["what"])


def ring_directory_is_too_small(lab):
    patient = Patient(lab)
    lab.a.run(["mount", "-t", "tmpfs", "-o", "size=1M", "none", patient.daemon.run_directory])
    finding = only(patient, patient.daemon.run_directory, "error")
    mend = finding["mend"].split(" the tmpfs")[0] + " " + patient.daemon.run_directory
    lab.a.run(["sh", "-c", mend])
    equal(patient.faults(), {}, "findings after the mend")


def directory_is_absent(lab):
    patient = Patient(lab)
    os.rmdir(patient.daemon.state_directory)
    finding = only(patient, patient.daemon.state_directory, "error")
    lab.a.run(["sh", "-c", finding["mend"].split(";")[0]])
    equal(patient.faults(), {}, "findings after the mend")


def disk_is_full(lab):
    patient = Patient(lab)
    patient.configure(reserve_space="512KiB")
    state = patient.daemon.state_directory
    lab.a.run(["mount", "-t", "tmpfs", "-o", "size=2M", "none", state])
    equal(patient.faults(), {}, "findings while there is room")
    # Of others: what lies in the directory itself is already part of what the limits allow.
    lab.a.run(["mkdir", f"{state}/others"])
    lab.a.run(["dd", "if=/dev/zero", f"of={state}/others/much", "bs=1K", "count=1024"],
              stderr=subprocess.DEVNULL)
    only(patient, state, "warning")
    lab.a.run(["dd", "if=/dev/zero", f"of={state}/others/more", "bs=1K", "count=768"],
              stderr=subprocess.DEVNULL)
    finding = only(patient, state, "error")
    require("nothing is stored" in finding["why"], finding["why"])


def daemon_in_another_namespace(lab):
    patient = Patient(lab)
    patient.daemon.start()
    found = patient.findings()
    require("in ours" in found["IPC namespace"]["what"], found["IPC namespace"])
    patient.lab = type("Elsewhere", (), {"a": lab.b, "build": lab.build,
                                         "directory": lab.directory})
    require(patient.faults().get("IPC namespace") == "error", "not told")


if __name__ == "__main__":
    sys.exit(main(nothing_is_wrong, faults_of_the_configuration_are_findings,
                  queue_that_is_absent, queue_of_the_wrong_mode, queue_of_another_shape,
                  limit_of_queues_is_too_small, limits_of_the_process, limit_of_the_kernel,
                  logind_removes_the_queues_of_a_person, user_that_is_absent,
                  ring_directory_is_not_on_tmpfs, ring_directory_is_too_small,
                  directory_is_absent, disk_is_full, daemon_in_another_namespace))
