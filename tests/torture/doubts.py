"""Books on what the daemons say of themselves over many restarts: deliveries in doubt, and
messages that were recovered."""
from collections import Counter


class Doubts:
    def __init__(self):
        self.items = {}   # (stream, sequence, time) -> (type, length); None while not known
        self.totals = {}  # daemon -> as it last said; kept with its state
        self.forgotten = 0  # what daemons said that lost that state since
        self.recovered = 0
        self.deliveries_killed = 0  # kills times destination queues of the killed one

    def killed(self, destinations):
        self.deliveries_killed += destinations

    def started(self, daemon):
        """Recovered messages are found at the start, and counted by that process."""
        self.recovered += daemon.status()["recovered_total"]

    def note(self, daemon):
        times = Counter()  # each crash that hit the same sequence has an entry
        for item in daemon.show("in-doubt"):
            place = (item["stream"], item["seq"])
            times[place] += 1
            self.items[(*place, times[place])] = (item["type"], item["length_bytes"])
        self.totals[daemon.name] = daemon.status()["in_doubt_total"]

    def forget(self, daemon):
        """Its state may be set back."""
        self.note(daemon)
        self.forgotten += self.totals[daemon.name]

    def total(self):
        return sum(self.totals.values()) + self.forgotten

    def unlisted(self, repeats):
        """Those repeated messages of which no daemon says that they were in doubt."""
        listed = Counter(self.items.values())
        seen = Counter((item["type"], item["length"]) for item in repeats)
        return seen - listed
