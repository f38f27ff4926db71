#!/bin/sh
# docs/control.schema.json against the sources: every kind of answer is in it and no other, the
# closed lists are those of the headers, every member is required, and the ends of the names
# tell the units.
. "$(dirname -- "$0")/lib.sh"

judge schema "$(python3 - 2>&1 <<'END'
import json
import os
import re


def read(path):
    with open(path, encoding="utf-8") as file:
        return file.read()


def sources():
    for directory in ("src/client", "src/control", "src/change", "src/commands", "src/assembly"):
        for name in os.listdir(directory):
            if name.endswith(".c"):
                yield read(os.path.join(directory, name))


def compare(what, found, wanted):
    for name in sorted(set(map(str, wanted)) - set(map(str, found))):
        print(f"{what}: {name} is missing")
    for name in sorted(set(map(str, found)) - set(map(str, wanted))):
        print(f"{what}: {name} is too much")


ENDS = (("_per_s", "rate"), ("_s", "seconds"), ("_bytes", "bytes"), ("_total", "total"))
WRONG_ENDS = ("_ms", "_us", "_ns", "_min", "_h", "_seconds", "_kib", "_mib", "_size")


def judge_member(kind, name, rule):
    of_type = rule.get("$ref", "").rpartition("/")[2]
    wanted = next((of for end, of in ENDS if name.endswith(end)), None)
    if wanted and of_type != wanted:
        print(f"{kind}: {name} is no \"{wanted}\"")
    elif not wanted and of_type in [of for _, of in ENDS]:
        print(f"{kind}: {name} does not end as \"{of_type}\" does")
    if name.endswith(WRONG_ENDS):
        print(f"{kind}: {name} has a unit that is not used")


schema = json.loads(read("docs/control.schema.json"))
defs = schema["$defs"]
kinds = [one["properties"]["kind"]["const"] for one in defs["document"]["oneOf"]]
compare("kinds", kinds, {kind for text in sources()
                         for kind in re.findall(r'(?:->|\.)kind = "([a-z-]+)"', text)})
for kind in kinds + ["problem"]:
    rules = defs[kind]
    if rules.get("additionalProperties") is not False:
        print(f"{kind}: is open")
    compare(kind, rules["required"], rules["properties"])
    for name, rule in rules["properties"].items():
        judge_member(kind, name, rule)

reasons = re.findall(r'X\([A-Z0-9_]+,\s*"([a-z0-9-]+)"', read("src/base/reason.h"))
compare("reason", defs["reason"]["enum"], reasons + [None])
states = dict(re.findall(r'X\(([A-Z_]+), "([a-z]+)"', read("src/base/state.h")))
for of, names in re.findall(r"enum state of_([a-z]+)\[\] = \{(.*?)\};",
                            read("src/base/state.c"), re.S):
    compare(f"state of {of}", defs[f"state_of_{of}"]["enum"],
            [states[name] for name in re.findall(r"STATE_([A-Z_]+)", names)])
compare("dead_reason", defs["dead_reason"]["enum"],
        re.findall(r'(?:\] = \{|return) "([a-z-]+)"', read("src/spool/deadletter_reason.c")))
codes = re.findall(r'\{ REPLY_[A-Z]+, "([a-z-]+)"', read("src/control/reply.c"))
compare("code", defs["error"]["properties"]["code"]["enum"], codes)
END
)"
finish
