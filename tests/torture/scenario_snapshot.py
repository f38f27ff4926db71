"""One side is set back to an older copy of its state, as by a snapshot, or to none at all. What
went on in between cannot be known any more; it must be said, not be guessed (INVARIANTS I14, I15):

- A stream that comes from the side set back and has gone on since is refused, and stays so over
  restarts and reconnections: its sequences were used for other messages. One that has not gone on
  in between continues, as do all others.
- For a stream to the side set back, what is in flight is in doubt: counted, listed, and
  delivered again. Nothing of it is lost, and no more than that comes twice.
- With no state at all the streams from that side are new ones, which is in its log."""
import os
import shutil
import stat

from harness.programs import Failure
from torture.scenario import Scenario

CASES = (("a", "old"), ("b", "old"), ("a", "none"), ("b", "none"))
GONE_ON = 1000  # messages of a stream between the copy and its return
REFUSED_S = 15
SETTLED_S = 30
BACK_IN_TIME = "went back in time"
NOT_KNOWN = "what was delivered is not known any more"
IN_DOUBT = "are in doubt"
NEW_STORE = "beginning with a new store"


def copy_files(source, destination):
    """Files and directories, without sockets."""
    os.makedirs(destination)
    for entry in os.scandir(source):
        target = os.path.join(destination, entry.name)
        if entry.is_dir(follow_symlinks=False):
            copy_files(entry.path, target)
        elif stat.S_ISREG(entry.stat(follow_symlinks=False).st_mode):
            shutil.copy2(entry.path, target)


def places(side):
    return {"run": side.run_directory, "state": side.state_directory}


def clear(side):
    for path in places(side).values():
        shutil.rmtree(path)


class Snapshot(Scenario):
    fresh = True  # what is refused once cannot be mended by a round

    def play(self, bed, number):
        name, age = CASES[number % len(CASES)]
        outs = [flow for flow in bed.flows if flow.direction[0] == name]
        bed.wait_flow()
        bed.live(0.2)
        if age == "old":
            self.set_back(bed, name, outs)
        else:
            self.empty(bed, name, outs)
        self.require_doubts(bed, name)

    @staticmethod
    def end_daemon(bed, name):
        bed.doubts.forget(bed.sides[name])
        if bed.random.random() < 0.5:
            bed.kill(name)
        else:
            bed.stop(name)

    @staticmethod
    def quiet(bed, flows):
        """Their producers stand still, and all that was sent has arrived and is settled."""
        def settled():
            routes, queues = ({item["name"]: item for side in bed.sides.values()
                               for item in side.show(what)} for what in ("routes", "queues"))
            # One may have sent a message that it has not counted yet.
            return all(flow.received() >= flow.sent() and
                       queues[f"{flow.name}-out"]["depth"] == 0 and
                       routes[flow.name]["waiting"] == 0 and
                       routes[flow.name]["in_flight"] == 0 for flow in flows)
        for flow in flows:
            for producer in flow.producers:
                producer.pause()
        bed.until(settled, SETTLED_S, "flows to be settled")

    @staticmethod
    def loud(flows):
        for flow in flows:
            for producer in flow.producers:
                producer.resume()

    def set_back(self, bed, name, outs):
        side, kept = bed.sides[name], os.path.join(bed.directory, "kept")
        first, idle = outs[0], outs[1:]
        self.quiet(bed, idle)
        self.end_daemon(bed, name)
        for what, path in places(side).items():
            copy_files(path, os.path.join(kept, what))
        sent = first.sent()
        bed.start(name)
        bed.until(lambda: first.received() >= sent + GONE_ON, SETTLED_S, "a stream to go on")
        self.end_daemon(bed, name)
        clear(side)
        for what, path in places(side).items():
            copy_files(os.path.join(kept, what), path)
        first.excused = True
        bed.start(name)
        self.require_refused(bed, name, first)
        self.loud(idle)
        bed.wait_flow()
        self.require_stays_refused(bed, name, first)

    def require_refused(self, bed, name, flow):
        def refused():
            route = bed.sides[name].route(flow.name)
            return route["state"] == "refused" and BACK_IN_TIME in (route["detail"] or "")
        bed.until(refused, REFUSED_S, f"route {flow.name} to be refused")
        other = "b" if name == "a" else "a"
        if bed.log_count(other, BACK_IN_TIME) == 0:
            raise Failure(f"nothing in the log of {other} says that a stream {BACK_IN_TIME}")

    def require_stays_refused(self, bed, name, flow):
        bed.until(lambda: self.is_read(bed, flow), SETTLED_S, "the queue to be read to its end")
        received = flow.received()
        for again in "ba":
            bed.stop(again)
            bed.start(again)
            self.require_refused(bed, name, flow)
        bed.wait_flow()
        if flow.received() != received:
            raise Failure(f"{flow.received() - received} messages of the refused stream of "
                          f"{flow.name} were delivered")

    @staticmethod
    def is_read(bed, flow):
        queue = f"{flow.name}-in"
        return all(item["depth"] == 0 for item in bed.sides[flow.direction[1]].show("queues")
                   if item["name"] == queue)

    def empty(self, bed, name, outs):
        side = bed.sides[name]
        self.quiet(bed, outs)
        self.end_daemon(bed, name)
        clear(side)
        for path in places(side).values():
            os.makedirs(path)
        before = bed.log_count(name, NEW_STORE)
        bed.start(name)
        if bed.log_count(name, NEW_STORE) != before + 1:
            raise Failure(f"the log of {name} does not tell that its store is a new one")
        self.loud(outs)
        bed.wait_flow()

    @staticmethod
    def require_doubts(bed, name):
        """All that was in flight to the side set back."""
        if bed.log_count(name, NOT_KNOWN) == 0:
            raise Failure(f"the log of {name} does not tell that it lost its state")
        if bed.log_count(name, IN_DOUBT) == 0:
            return  # nothing was in flight
        # One entry for all that was in flight; its outcome changes when they have come again.
        if not any(item["last_seq"] > item["seq"] or "lost" in item["outcome"]
                   for item in bed.sides[name].show("in-doubt")):
            raise Failure(f"{name} does not list what is in doubt")

    def repeat_faults(self, doubts, repeated, repeats):
        if repeated <= doubts.total():
            return []
        return [f"repeated {repeated}, but in doubt {doubts.total()}"]


SCENARIOS = {"snapshot": Snapshot((40, 4))}
