#!/usr/bin/env python3
"""The checker of the tests finds every kind of fault: what was received is damaged on purpose."""
import os
import struct
import subprocess
import sys

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

from harness.lab import equal, main, require

PAGE, INTACT = 4096, 1
RECORD = struct.Struct("<IHHqQ")  # length, flags, producer, type, number
HEADER = 56                       # bytes of a body that say which message it is
COUNT = 400
CLEAN = {"lost": 0, "repeated": 0, "reordered": 0, "altered": 0, "shortened": 0}


def read(path):
    """[(fields of the record, body)] and the first page."""
    with open(path, "rb") as log:
        data = log.read()
    end = struct.unpack_from("<Q", data, 40)[0]
    records, at = [], PAGE
    while at < end:
        fields = RECORD.unpack_from(data, at)
        at += RECORD.size
        body = b""
        if not fields[1] & INTACT:
            body = data[at:at + fields[0]]
            at += (fields[0] + 7) & ~7
        records.append((fields, body))
    return data[:PAGE], records


def write(path, page, records):
    data = b"".join(RECORD.pack(*fields) + body + bytes(-len(body) % 8)
                    for fields, body in records)
    page = bytearray(page)
    struct.pack_into("<Q", page, 8, len(records))
    struct.pack_into("<Q", page, 40, PAGE + len(data))
    with open(path, "wb") as log:
        log.write(page + data)


def recorded(lab, scheme, body):
    """A flow that went through one queue with no bridge at all."""
    uri = "posix:/checker" if scheme == "posix" else "sysv:0x99"
    flow = lab.flow("direct", uri, uri, (lab.a, lab.a))
    flow.create()
    flow.consume()
    flow.produce([1, 2], "--max", 256, "--count", COUNT, *body)
    flow.produce([4], "--size", 100, "--count", COUNT, *body)
    flow.wait_received(2 * COUNT, 20)
    flow.wait_sent(20)
    flow.require_exact()
    return flow


def found_after(flow, change):
    """The checker's verdict when change() was applied to the records."""
    page, records = read(flow.consumer.path)
    keep = list(records)
    change(records)
    write(flow.consumer.path, page, records)
    found = flow.verdict()
    write(flow.consumer.path, page, keep)
    return found


def expect(flow, change, **wanted):
    found = found_after(flow, change)
    equal({key: found[key] for key in CLEAN}, {**CLEAN, **wanted}, change.__name__)
    return found


def places(records, wanted):
    return [n for n, record in enumerate(records) if wanted(*record)]


def whole(fields, _):
    return fields[1] & INTACT and fields[2] == 1


def tiny(fields, _):
    return 0 < fields[0] < HEADER


def empty(fields, _):
    return fields[0] == 0


def drop(wanted):
    def dropped(records):
        del records[places(records, wanted)[5]]
    return dropped


def again(wanted):
    def repeated(records):
        n = places(records, wanted)[5]
        records.insert(n, records[n])
    return repeated


def swap_two_of_a_type(records):
    first = places(records, whole)[7]
    second = next(n for n in range(first + 1, len(records))
                  if whole(*records[n]) and records[n][0][3] == records[first][0][3])
    records[first], records[second] = records[second], records[first]


def change_type(records):
    n = places(records, whole)[9]
    length, flags, producer, _, number = records[n][0]
    records[n] = ((length, flags, producer, 4, number), b"")


def flip_bit_of_tiny(records):
    n = places(records, tiny)[3]
    body = bytearray(records[n][1])
    body[0] ^= 1
    records[n] = (records[n][0], bytes(body))


def lose_all(records):
    del records[:]


def all_faults(lab, scheme, body):
    flow = recorded(lab, scheme, body)
    expect(flow, drop(whole), lost=1)
    expect(flow, drop(tiny), lost=1)
    expect(flow, drop(empty), lost=1)
    found = expect(flow, again(whole), repeated=1)
    require(len(found["repeats"]) == 1 and found["repeats"][0]["producer"] == 1,
            "the repeated message is not told")
    expect(flow, again(tiny), repeated=1)
    expect(flow, again(empty), repeated=1)
    expect(flow, swap_two_of_a_type, reordered=1)
    expect(flow, flip_bit_of_tiny, altered=1, lost=1)
    expect(flow, change_type, altered=1, lost=1)
    expect(flow, lose_all, lost=2 * COUNT)


def checker_of_posix_text_finds_every_fault(lab):
    all_faults(lab, "posix", [])


def checker_of_sysv_random_finds_every_fault(lab):
    all_faults(lab, "sysv", ["--random"])


def checker_tells_shortened_from_altered(lab):
    """A body cut off is only then excusable when all that is missing is the pad."""
    flow = recorded(lab, "posix", ["--random"])
    n_padded = None

    def cut_one_byte(records):
        for n in places(records, tiny):
            if (records[n][1][-1] == 0xf9) == (n_padded is not None):
                length, flags, producer, kind, number = records[n][0]
                records[n] = ((length - 1, flags, producer, kind, number),
                              records[n][1][:-1])
                return
        raise AssertionError("no such body")
    expect(flow, cut_one_byte, altered=1, lost=1)
    # A body that ends in the pad is rare, so look for a seed that has one.
    for seed in range(50):
        flow.end()
        flow.producers.clear()
        flow.consume()
        flow.produce([1], "--max", 40, "--count", COUNT, "--random", "--seed", seed)
        flow.wait_received(COUNT, 20)
        flow.require_exact()
        _, records = read(flow.consumer.path)
        if places(records, lambda fields, body: body[-1:] == b"\xf9"):
            n_padded = seed
            expect(flow, cut_one_byte, shortened=1)
            return
    raise AssertionError("no body ended in the pad")


if __name__ == "__main__":
    sys.exit(main(checker_of_posix_text_finds_every_fault,
                  checker_of_sysv_random_finds_every_fault,
                  checker_tells_shortened_from_altered))
