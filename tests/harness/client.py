#!/usr/bin/env python3
"""An ordinary Python program on one of the usual queue packages: it sends pickled objects, or
receives them and prints what it got.

usage: client.py LIBRARY send|receive QUEUE COUNT

QUEUE is a POSIX name (/name) or a System V key. Each object is sent with the priority or type
that kind_of() says. Exit status 77: the package is not installed.
"""
import ctypes
import json
import os
import pickle
import sys

SIZE = 2048  # bytes of the largest message of the queues used with this


def thing(number):
    """The object of that number: nested, with text, bytes of every value, and large ones."""
    return {"number": number, "text": "größer: \u2713 " + "x" * (number * 37 % 1200),
            "bytes": bytes(range(256)), "more": [None, True, -1.5, 2 ** 70, ("a", number)]}


def kind_of(number, posix):
    return (0, 3, 32767)[number % 3] if posix else (1, 77, 2 ** 31 - 1)[number % 3]


class PosixIpc:
    posix = True

    def __init__(self, name):
        import posix_ipc
        self.queue = posix_ipc.MessageQueue(name)

    def send(self, number):
        self.queue.send(pickle.dumps(thing(number)), priority=kind_of(number, True))

    def receive(self):
        body, priority = self.queue.receive()
        return priority, pickle.loads(body)


class Mood:
    posix = True

    def __init__(self, name):
        from mood import mqueue
        self.queue = mqueue.MessageQueue(name, os.O_RDWR)

    def send(self, number):
        self.queue.send(pickle.dumps(thing(number)), priority=kind_of(number, True))

    def receive(self):
        got = self.queue.receive()
        # The priority is not given by every version.
        body, priority = got if isinstance(got, tuple) else (got, None)
        return priority, pickle.loads(body)


class IpcqueuePosix:
    posix = True

    def __init__(self, name):
        from ipcqueue import posixmq
        self.queue = posixmq.Queue(name, maxsize=10, maxmsgsize=SIZE)

    def send(self, number):
        self.queue.put(thing(number), priority=kind_of(number, True))

    def receive(self):
        return None, self.queue.get()


class IpcqueueSysv:
    posix = False

    def __init__(self, key):
        from ipcqueue import sysvmq
        self.queue = sysvmq.Queue(int(key, 0), max_bytes=SIZE)

    def send(self, number):
        self.queue.put(thing(number), msg_type=kind_of(number, False))

    def receive(self):
        return None, self.queue.get()


class SysvIpc:
    posix = False

    def __init__(self, key):
        import sysv_ipc
        self.queue = sysv_ipc.MessageQueue(int(key, 0), max_message_size=SIZE)

    def send(self, number):
        self.queue.send(pickle.dumps(thing(number)), type=kind_of(number, False))

    def receive(self):
        body, kind = self.queue.receive()
        return kind, pickle.loads(body)


class Plain:
    """No package at all: the C library's own calls."""
    posix = True

    def __init__(self, name):
        self.rt = ctypes.CDLL("librt.so.1", use_errno=True)
        self.queue = self.rt.mq_open(os.fsencode(name), os.O_RDWR)
        if self.queue < 0:
            raise OSError(ctypes.get_errno(), "mq_open")

    def send(self, number):
        body = pickle.dumps(thing(number))
        if self.rt.mq_send(self.queue, body, ctypes.c_size_t(len(body)),
                           ctypes.c_uint(kind_of(number, True))) != 0:
            raise OSError(ctypes.get_errno(), "mq_send")

    def receive(self):
        body, priority = ctypes.create_string_buffer(SIZE), ctypes.c_uint()
        self.rt.mq_receive.restype = ctypes.c_ssize_t
        length = self.rt.mq_receive(self.queue, body, ctypes.c_size_t(SIZE),
                                    ctypes.byref(priority))
        if length < 0:
            raise OSError(ctypes.get_errno(), "mq_receive")
        return priority.value, pickle.loads(body.raw[:length])


LIBRARIES = {"posix_ipc": PosixIpc, "mood.mqueue": Mood, "ipcqueue-posix": IpcqueuePosix,
             "ipcqueue-sysv": IpcqueueSysv, "sysv_ipc": SysvIpc, "ctypes": Plain}


def main(library, verb, queue, count):
    try:
        client = LIBRARIES[library](queue)
    except ImportError:
        return 77
    for number in range(int(count)):
        if verb == "send":
            client.send(number)
            continue
        kind, got = client.receive()
        print(json.dumps([kind, got["number"], got == thing(got["number"])]), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
