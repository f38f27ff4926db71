"""The text formats of Prometheus, read strictly: what is not exactly as it should be fails."""
import re
import shutil
import subprocess

from harness.programs import Failure, Skipped

NAME = re.compile(r"[a-zA-Z_:][a-zA-Z0-9_:]*")
LABEL = re.compile(r'([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\\n]|\\[\\"n])*)"')
NUMBER = re.compile(r"[0-9]+(\.[0-9]+)?")
SUFFIXES = {"open": {"counter": ("_total",), "gauge": ("",), "info": ("_info",),
                     "histogram": ("_bucket", "_count", "_sum")},
            "text": {"counter": ("",), "gauge": ("",),
                     "histogram": ("_bucket", "_count", "_sum")}}
UNESCAPED = {"\\\\": "\\", '\\"': '"', "\\n": "\n"}


def need(condition, what, line):
    if not condition:
        raise Failure(f"exposition: {what}: {line!r}")


class Family:
    def __init__(self, name):
        self.name, self.help, self.type, self.unit = name, None, None, None


class Exposition:
    """samples: {name: {((label, value), ...) sorted: number as text}}."""

    def __init__(self, text, form):
        self.form, self.families, self.samples = form, {}, {}
        self.current, self.group, self.groups = None, None, set()
        lines = text.split("\n")
        need(lines.pop() == "", "the last line is not ended", text[-80:])
        if form == "open":
            need(lines.pop() == "# EOF", "it does not end in # EOF", text[-80:])
        for line in lines:
            if line.startswith("#"):
                self.about(line)
            else:
                self.sample(line)
        for family in self.families.values():
            self.judge(family)

    def about(self, line):
        words = line.split(" ", 3)
        need(len(words) == 4 and words[0] == "#" and words[1] in ("HELP", "TYPE", "UNIT"),
             "no line of metadata", line)
        need(words[1] != "UNIT" or self.form == "open", "text has no units", line)
        _, what, name, value = words
        need(NAME.fullmatch(name), "no name", line)
        if self.current is None or self.current.name != name:
            need(name not in self.families, "a family in two places", line)
            self.current = self.families[name] = Family(name)
            self.group = None
        need(not any(self.of(name).values()), "metadata behind samples", line)
        need(getattr(self.current, what.lower()) is None, "said twice", line)
        setattr(self.current, what.lower(), value)
        if what == "TYPE":
            need(value in SUFFIXES[self.form], "unknown type", line)
        if what == "UNIT":
            need(name.endswith("_" + value), "the name has not the unit", line)

    def sample(self, line):
        found = NAME.match(line)
        need(found and self.current is not None and self.current.type, "no sample", line)
        name, rest = found.group(), line[found.end():]
        suffixes = SUFFIXES[self.form][self.current.type]
        need(name in [self.current.name + suffix for suffix in suffixes],
             f"not of the family {self.current.name}", line)
        labels, rest = self.labels(rest, line)
        need(rest.startswith(" ") and NUMBER.fullmatch(rest[1:]), "no value", line)
        self.grouped(name, labels, line)
        there = self.samples.setdefault(name, {})
        need(labels not in there, "a sample twice", line)
        there[labels] = rest[1:]

    @staticmethod
    def labels(rest, line):
        labels = []
        if not rest.startswith("{"):
            return (), rest
        rest = rest[1:]
        while True:
            found = LABEL.match(rest)
            need(found, "no label", line)
            value = re.sub(r"\\.", lambda escape: UNESCAPED[escape.group()], found.group(2))
            labels.append((found.group(1), value))
            rest = rest[found.end():]
            if rest.startswith("}"):
                break
            need(rest.startswith(","), "no comma", line)
            rest = rest[1:]
        need(len(dict(labels)) == len(labels), "a label twice", line)
        return tuple(sorted(labels)), rest[1:]

    def grouped(self, name, labels, line):
        """All samples of one metric (its labels but le) stand together."""
        group = (self.current.name, tuple(pair for pair in labels if pair[0] != "le"))
        if group != self.group:
            need(group not in self.groups, "samples of a metric in two places", line)
            self.groups.add(group)
            self.group = group

    def of(self, family):
        """Its samples by their full names."""
        return {name: self.samples.get(name, {})
                for name in (family, family + "_total", family + "_info", family + "_bucket",
                             family + "_count", family + "_sum")}

    def judge(self, family):
        need(family.help and family.type, "no help or no type", family.name)
        if self.form == "text" and family.type == "counter":
            need(family.name.endswith("_total"), "a counter without _total", family.name)
        if self.form == "open":
            for unit in ("seconds", "bytes"):
                need(not family.name.endswith("_" + unit) or family.unit == unit,
                     "no unit", family.name)
        if family.type == "histogram":
            self.judge_histogram(family.name)

    def judge_histogram(self, name):
        buckets = {}
        for labels, value in self.samples.get(name + "_bucket", {}).items():
            rest = tuple(pair for pair in labels if pair[0] != "le")
            buckets.setdefault(rest, []).append((dict(labels)["le"], int(value)))
        for rest, found in buckets.items():
            bounds = [float(bound) for bound, _ in found]
            counts = [count for _, count in found]
            need(bounds == sorted(set(bounds)) and found[-1][0] == "+Inf",
                 "bounds do not rise to +Inf", name)
            need(counts == sorted(counts), "counts of buckets fall", name)
            need(self.samples[name + "_count"][rest] == str(counts[-1]),
                 "the count is not that of +Inf", name)
            need(rest in self.samples[name + "_sum"], "no sum", name)

    def value(self, name, **labels):
        """The number of one sample, or a failure."""
        key = tuple(sorted(labels.items()))
        try:
            return float(self.samples[name][key])
        except KeyError:
            raise Failure(f"no sample {name}{labels}; there are "
                          f"{list(self.samples.get(name, {}))[:5]}") from None

    def one_of(self, name, label, **labels):
        """The value of that label in the only sample that is 1."""
        found = [dict(key)[label] for key, value in self.samples.get(name, {}).items()
                 if float(value) == 1 and labels.items() <= dict(key).items()]
        if len(found) != 1:
            raise Failure(f"{name}{labels}: {label} is {found}, not one")
        return found[0]


def promtool(*arguments, text=None):
    """What promtool prints, or a failure; it is skipped where there is none."""
    if not shutil.which("promtool"):
        raise Skipped("promtool (Debian: prometheus) is not installed")
    done = subprocess.run(["promtool", *arguments], input=text, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True, check=False)
    if done.returncode != 0:
        raise Failure(f"promtool {' '.join(arguments)}: {done.stdout[:2000]}")
    return done.stdout
