"""Books on what the daemons say of themselves over many restarts: deliveries in doubt, and
messages that were recovered."""
from collections import Counter


class Doubts:
    def __init__(self):
        self.items = {}   # (stream, sequence) -> (type, length); None while it is not known
        self.totals = {}  # daemon -> as it last said; kept with its state
        self.recovered = 0
        self.deliveries_killed = 0  # kills times destination queues of the killed one

    def killed(self, destinations):
        self.deliveries_killed += destinations

    def started(self, daemon):
        """Recovered messages are found at the start, and counted by that process."""
        self.recovered += daemon.status()["recovered_total"]

    def note(self, daemon):
        for item in daemon.show("in-doubt"):
            self.items[(item["stream"], item["seq"])] = (item["type"], item["length_bytes"])
        self.totals[daemon.name] = daemon.status()["in_doubt_total"]

    def total(self):
        return sum(self.totals.values())

    def unlisted(self, repeats):
        """Those repeated messages of which no daemon says that they were in doubt."""
        listed = Counter(self.items.values())
        seen = Counter((item["type"], item["length"]) for item in repeats)
        return seen - listed
