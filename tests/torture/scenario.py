"""What a scenario is; tests/torture/scenario_*.py has them, a file for each family."""


class Scenario:
    """One way to strike at the bridge, once in every round, in running traffic.

    A family derives from it and overrides what is different. A scenario that only wants a
    function of the bed and the number of the round gives it as `play`."""
    flows = None        # those of the bed, as torture.bed.FLOWS; None: the usual ones
    fresh = False       # a bed of its own for each round
    needs_crash_build = False  # configured with --enable-crash-points
    may_repeat = False  # one message per kill and queue, if listed as in doubt

    def __init__(self, rounds, play=None, both_ways=True, may_repeat=False):
        self.rounds = rounds        # of the long form, and of the short one
        self.both_ways = both_ways  # messages flow from b to a too
        self.may_repeat = may_repeat
        if play:
            self.play = play

    def prepare(self, bed):
        """Before the daemons are started."""

    def configure(self, bed, side, settings):
        """The settings of one daemon may be changed."""

    def program_options(self, flow):
        """More for the producers and the consumer of a flow."""
        return []

    def producer_options(self, flow):
        """More for its producers alone."""
        return []

    def play(self, bed, number):
        raise NotImplementedError

    def finish(self, bed):
        """After the last round, before everything is to arrive."""

    def repeat_faults(self, doubts, repeated, repeats):
        """What is wrong with the messages that came twice."""
        found = []
        if repeated and not self.may_repeat:
            found.append(f"repeated {repeated}")
        elif repeated > doubts.deliveries_killed:
            found.append(f"repeated {repeated}, but only {doubts.deliveries_killed} "
                         "deliveries can have been struck")
        if repeated > doubts.total():
            found.append(f"repeated {repeated}, but in doubt {doubts.total()}")
        unlisted = doubts.unlisted(repeats)
        if unlisted:
            found.append("repeated, but not listed as in doubt (type, length): "
                         f"{list(unlisted.items())[:5]}")
        return found

    def faults(self, bed):
        """What else is not as it should be at the end, as a list of sentences."""
        return []

    def summary(self):
        """More for the last line."""
        return ""

    def end(self, bed):
        """Whatever happened: everything that prepare() began ends."""
