#!/usr/bin/env python3
"""An ordinary Python program on one of the usual queue packages, and what it does is told to it
by a test: a line of JSON comes in, [VERB, ARGUMENT...], and one goes out, {"ok": RESULT} or
{"error": [CLASS, TEXT]}.

usage: client.py LIBRARY QUEUE

QUEUE is a POSIX name (/name) or a System V key. Exit status 77: the package is not installed
for this interpreter.
"""
import ctypes
import json
import os
import pickle
import sys

MESSAGES, SIZE = 10, 1024  # what ipcqueue makes unless told otherwise
LARGEST = 8192  # of both kinds, unless an administrator has raised it
NO_PACKAGE = 77


def thing(number):
    """The object of that number: nested, with text, bytes of every value, and longer ones."""
    return {"number": number, "text": "größer: \u2713 " + "x" * (number * 37 % 300),
            "bytes": bytes(range(256)), "more": [None, True, -1.5, 2 ** 70, ("a", number)]}


class PosixIpc:
    posix, package, tells_kind, unlinks = True, "posix_ipc", True, False
    kinds = (0, 3, 32767)

    def __init__(self, name, messages, size):
        import posix_ipc
        made = {"flags": posix_ipc.O_CREAT, "max_messages": messages, "max_message_size": size}
        self.queue = posix_ipc.MessageQueue(name, **(made if messages else {}))

    def send(self, body, kind):
        self.queue.send(body, priority=kind)

    def put(self, item, kind):
        self.send(pickle.dumps(item), kind)

    def receive(self, kind):
        return self.queue.receive()

    def get(self, kind):
        body, kind = self.queue.receive()
        return pickle.loads(body), kind

    def waiting(self):
        return self.queue.current_messages

    def close(self):
        self.queue.close()


class Mood:
    posix, package, tells_kind, unlinks = True, "mood.mqueue", False, True
    kinds = PosixIpc.kinds

    def __init__(self, name, messages, size):
        from mood import mqueue
        self.queue = (mqueue.MessageQueue(name, os.O_RDWR | os.O_CREAT, maxmsg=messages,
                                          msgsize=size)
                      if messages else mqueue.MessageQueue(name, os.O_RDWR))

    def send(self, body, kind):
        self.queue.send(body, kind)

    def put(self, item, kind):
        self.send(pickle.dumps(item), kind)

    def receive(self, kind):
        return self.queue.receive(), None

    def get(self, kind):
        return pickle.loads(self.queue.receive()), None

    def waiting(self):
        return len(self.queue)

    def close(self):
        self.queue.close()


class IpcqueuePosix:
    posix, package, tells_kind, unlinks = True, "ipcqueue", False, False
    kinds = PosixIpc.kinds

    def __init__(self, name, messages, size):
        from ipcqueue import posixmq, serializers
        how = {"maxsize": messages, "maxmsgsize": size} if messages else {}
        self.queue = posixmq.Queue(name, **how)
        self.raw = posixmq.Queue(name, serializer=serializers.RawSerializer, **how)

    def send(self, body, kind):
        self.raw.put(body, priority=kind)

    def put(self, item, kind):
        self.queue.put(item, priority=kind)

    def receive(self, kind):
        return self.raw.get(), None

    def get(self, kind):
        return self.queue.get(), None

    def waiting(self):
        return self.queue.qsize()

    def close(self):
        self.raw.close()
        self.queue.close()


class IpcqueueSysv:
    posix, package, tells_kind, unlinks = False, "ipcqueue", False, True
    kinds = (1, 77, 2 ** 31 - 1, 2 ** 31, 2 ** 63 - 1)

    def __init__(self, key, messages, size):
        from ipcqueue import serializers, sysvmq
        number = int(key, 0) % 2 ** 32  # it has unsigned keys
        self.queue = sysvmq.Queue(number)
        self.raw = sysvmq.Queue(number, serializer=serializers.RawSerializer)

    def send(self, body, kind):
        self.raw.put(body, msg_type=kind)

    def put(self, item, kind):
        self.queue.put(item, msg_type=kind)

    def receive(self, kind):
        return self.raw.get(msg_type=kind), None

    def get(self, kind):
        return self.queue.get(msg_type=kind), None

    def waiting(self):
        return self.queue.qsize()

    def close(self):
        self.queue.close()


class SysvIpc:
    posix, package, tells_kind, unlinks = False, "sysv_ipc", True, False
    kinds = (1, 77, 2 ** 31 - 1)  # it sends no larger ones

    def __init__(self, key, messages, size):
        import sysv_ipc
        number = (int(key, 0) + 2 ** 31) % 2 ** 32 - 2 ** 31  # it has signed keys
        self.queue = sysv_ipc.MessageQueue(number, sysv_ipc.IPC_CREAT if messages else 0,
                                           max_message_size=LARGEST)

    def send(self, body, kind):
        self.queue.send(body, type=kind)

    def put(self, item, kind):
        self.send(pickle.dumps(item), kind)

    def receive(self, kind):
        return self.queue.receive(type=kind)

    def get(self, kind):
        body, kind = self.queue.receive(type=kind)
        return pickle.loads(body), kind

    def waiting(self):
        return self.queue.current_messages

    def close(self):
        """There is nothing to close but by removing it."""


def checked(result):
    if result < 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    return result


class PlainPosix:
    """No package at all: the C library's own calls."""
    posix, package, tells_kind, unlinks = True, None, True, False
    kinds = (0, 1, 31, 32, 32767)

    def __init__(self, name, messages, size):
        self.libc = ctypes.CDLL("librt.so.1", use_errno=True)
        self.libc.mq_receive.restype = ctypes.c_ssize_t
        self.size = size or LARGEST
        attributes = (ctypes.c_long * 8)(0, messages, size)
        self.queue = checked(
            self.libc.mq_open(os.fsencode(name), os.O_RDWR | os.O_CREAT, 0o600, attributes)
            if messages else self.libc.mq_open(os.fsencode(name), os.O_RDWR))

    def send(self, body, kind):
        checked(self.libc.mq_send(self.queue, body, ctypes.c_size_t(len(body)),
                                  ctypes.c_uint(kind)))

    def put(self, item, kind):
        self.send(pickle.dumps(item), kind)

    def receive(self, kind):
        body, priority = ctypes.create_string_buffer(self.size), ctypes.c_uint()
        length = checked(self.libc.mq_receive(self.queue, body, ctypes.c_size_t(self.size),
                                              ctypes.byref(priority)))
        return body.raw[:length], priority.value

    def get(self, kind):
        body, kind = self.receive(kind)
        return pickle.loads(body), kind

    def waiting(self):
        attributes = (ctypes.c_long * 8)()
        checked(self.libc.mq_getattr(self.queue, attributes))
        return attributes[3]

    def close(self):
        checked(self.libc.mq_close(self.queue))


class Buffer(ctypes.Structure):
    """struct msgbuf"""
    _fields_ = [("type", ctypes.c_long), ("body", ctypes.c_char * LARGEST)]


class PlainSysv:
    """No package at all: the C library's own calls."""
    posix, package, tells_kind, unlinks = False, None, True, False
    kinds = (1, 77, 2 ** 31 - 1, 2 ** 31, 2 ** 63 - 1)

    def __init__(self, key, messages, size):
        self.libc = ctypes.CDLL(None, use_errno=True)
        self.libc.msgrcv.restype = ctypes.c_ssize_t
        how = 0o1600 if messages else 0  # IPC_CREAT
        self.queue = checked(self.libc.msgget(ctypes.c_int(int(key, 0)), how))

    def send(self, body, kind):
        buffer = Buffer(kind)
        ctypes.memmove(ctypes.addressof(buffer) + Buffer.body.offset, body, len(body))
        checked(self.libc.msgsnd(self.queue, ctypes.byref(buffer), ctypes.c_size_t(len(body)),
                                 0))

    def put(self, item, kind):
        self.send(pickle.dumps(item), kind)

    def receive(self, kind):
        buffer = Buffer()
        length = checked(self.libc.msgrcv(self.queue, ctypes.byref(buffer),
                                          ctypes.c_size_t(LARGEST), ctypes.c_long(kind), 0))
        start = Buffer.body.offset
        return bytes(buffer)[start:start + length], buffer.type

    def get(self, kind):
        body, kind = self.receive(kind)
        return pickle.loads(body), kind

    def waiting(self):
        status = (ctypes.c_long * 15)()  # struct msqid_ds
        checked(self.libc.msgctl(self.queue, 2, status))
        return status[10]  # msg_qnum

    def close(self):
        """There is nothing to close."""


LIBRARIES = {"posix_ipc": PosixIpc, "mood_mqueue": Mood, "ipcqueue_posix": IpcqueuePosix,
             "ipcqueue_sysv": IpcqueueSysv, "sysv_ipc": SysvIpc, "plain_posix": PlainPosix,
             "plain_sysv": PlainSysv}


class Verbs:
    """What a test may ask for; each method is a verb."""

    def __init__(self, library, name):
        self.library, self.name, self.queue = library, name, None

    def open(self, messages=0, size=0, name=None):
        """Make the queue unless it is there, or, without messages, only open it."""
        self.queue = self.library(name or self.name, messages, size)

    def send(self, messages):
        """messages: [body in hexadecimal, priority or type] each."""
        for body, kind in messages:
            self.queue.send(bytes.fromhex(body), kind)

    def receive(self, count, kind=0):
        """kind: of System V queues, as for msgrcv(2)."""
        got = [self.queue.receive(kind) for _ in range(count)]
        return [(body.hex(), kind) for body, kind in got]

    def put(self, first, count, kinds):
        """Objects numbered from first, their kinds taken in turn."""
        for number in range(first, first + count):
            self.queue.put(thing(number), kinds[number % len(kinds)])

    def get(self, count, kind=0):
        """[number, whether it is what was put, priority or type] each."""
        got = [self.queue.get(kind) for _ in range(count)]
        return [(item["number"], item == thing(item["number"]), kind) for item, kind in got]

    def ask(self, count):
        """Requests of type 1, each with a reply of the type that is our process id."""
        for number in range(count):
            self.queue.put((os.getpid(), number), 1)
            reply, kind = self.queue.get(os.getpid())
            if reply != ("done", os.getpid(), number) or kind not in (None, os.getpid()):
                raise ValueError(f"the reply to request {number} was {reply!r}, of type {kind}")

    def reply(self, count):
        for _ in range(count):
            (asker, number), _ = self.queue.get(1)
            self.queue.put(("done", asker, number), asker)

    def waiting(self):
        return self.queue.waiting()

    def close(self):
        self.queue.close()


def main(name, queue):
    library = LIBRARIES[name]
    if library.package:
        try:
            __import__(library.package)
        except ImportError:
            return NO_PACKAGE
    verbs = Verbs(library, queue)
    print(json.dumps({"ok": None}), flush=True)
    for line in sys.stdin:
        verb, *arguments = json.loads(line)
        try:
            answer = {"ok": getattr(verbs, verb)(*arguments)}
        except Exception as why:  # the test judges it
            answer = {"error": [type(why).__name__, str(why)]}
        print(json.dumps(answer), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
