"""A disk that is as slow as the test wants, for one daemon: every sync takes so much longer, and each read."""
import mmap
import os
import struct

from harness.programs import program

WORDS = struct.Struct("<QQQQ")  # as in tests/torture/slow.c


class SlowDisk:
    """To be made before the daemon is started, for which it is loaded then."""

    def __init__(self, daemon):
        path = os.path.join(daemon.directory, "slow")
        with open(path, "wb") as out:
            out.write(bytes(WORDS.size))
        with open(path, "r+b") as both:
            self.words = mmap.mmap(both.fileno(), WORDS.size)
        daemon.environment = {
            **daemon.environment, "LD_PRELOAD": program(daemon.build, "slow.so"),
            "MQBRIDGE_SLOW_FILE": path,
            "ASAN_OPTIONS": os.environ.get("ASAN_OPTIONS", "") + ":verify_asan_link_order=0"}

    def set(self, ms):
        self.words[:8] = struct.pack("<Q", ms)

    def set_reads(self, ms):
        self.words[24:] = struct.pack("<Q", ms)

    def waited(self):
        """Calls that were slow."""
        return WORDS.unpack(self.words[:])[1]

    def held_up_the_loop(self):
        """How many of them its thread made."""
        return WORDS.unpack(self.words[:])[2]
