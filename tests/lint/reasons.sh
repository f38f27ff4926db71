#!/bin/sh
# The manual lists every reason with its mend, in the words of the program, and no other; and
# every word for a state.
. "$(dirname -- "$0")/lib.sh"

judge reasons "$(python3 - 2>&1 <<'END'
import re


def read(path):
    with open(path, encoding="utf-8") as file:
        return re.sub(r"[ \t]*\\\n", "\n", file.read())


listed = {code: "".join(re.findall(r'"([^"]*)"', mend)) for code, mend in re.findall(
    r'X\([A-Z0-9_]+,\s*"([a-z0-9-]+)",((?:\s*"[^"]*")+)\)', read("src/base/reason.h"))}
page = read("man/mqbridgectl.1").split(".Sh STATES AND REASONS\n")[1].split("\n.Sh ")[0]
words = page.split("The reasons, and their mends:\n")
shown = {code: " ".join(mend.split()) for code, mend in re.findall(
    r"^\.It Sy (\S+)\n((?:[^.\n].*\n)+)", words[1], re.M)}
for code in sorted(set(listed) | set(shown)):
    if code not in shown:
        print(f"{code} is not in the manual")
    elif code not in listed:
        print(f"{code} is in the manual, but no reason")
    elif listed[code] != shown[code]:
        print(f"{code}: the manual says: {shown[code]}")
for word in re.findall(r'X\([A-Z0-9_]+, "([a-z]+)", STATE_', read("src/base/state.h")):
    if not re.search(rf"^\.Sy {word}\b", words[0], re.M):
        print(f"the state {word} is not in the manual")
if len(listed) < 20:
    print("the list of reasons could not be read")
END
)"
finish
