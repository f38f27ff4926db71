"""What is done to the bridge in each scenario: one round each, in running traffic.

A scenario is a function of the bed and the number of the round. `both_ways` says whether
messages also flow from b to a; where only the sender or only the receiver is to be hit, they
do not."""


def link_cut(bed, number):
    """In turn: the interface down and up, every connection reset, either daemon restarted."""
    bed.wait_flow()
    bed.live(0.2)
    kind = number % 4
    if kind == 0 and bed.hosts["b"].interface:
        bed.hosts["b"].link("down")
        # Longer and shorter than the daemons need to notice: two heartbeats are a second.
        bed.live(2.5)
        bed.hosts["b"].link("up")
    elif kind in (0, 1) and bed.cut_connections():
        return
    else:
        name = "b" if kind in (1, 2) else "a"
        bed.stop(name)
        bed.start(name)


def kill_sender(bed, _):
    bed.wait_flow()
    bed.live(0.2)
    bed.kill("a")
    bed.start("a")


def kill_receiver(bed, _):
    bed.wait_flow()
    bed.live(0.2)
    bed.kill("b")
    bed.start("b")


def kill_both(bed, number):
    """At the same moment, or one shortly after the other, which then meets a fresh peer."""
    bed.wait_flow()
    bed.live(0.2)
    first, second = bed.random.sample("ab", 2)
    bed.kill(first)
    if number % 2:
        bed.start(first)
        bed.live(0.1)
        bed.kill(second)
    else:
        bed.kill(second)
        bed.start(first)
    bed.start(second)


def stop_start(bed, number):
    """With a backlog up to the brim, because nobody receives."""
    bed.wait_flow()
    bed.pause_consumers()
    bed.wait_standstill(0.3)
    names = ("a", "b", "ab", "ba")[number % 4]
    for name in names:
        bed.stop(name)
    for name in names:
        bed.start(name)
    bed.resume_consumers()


def reboot(bed, number):
    """The tmpfs is emptied after a clean stop, or after a crash and what systemd does then."""
    bed.wait_flow()
    if bed.random.random() < 0.5:
        bed.pause_consumers()
    bed.live(0.3)
    bed.note_doubts()
    for name in "ab":
        if number % 2:
            bed.kill(name)
            bed.save(name)
        else:
            bed.stop(name)
        bed.wipe(name)
    for name in "ba":
        bed.start(name)
    bed.resume_consumers()


class Scenario:
    def __init__(self, play, both_ways, may_repeat, rounds):
        self.play, self.both_ways = play, both_ways
        self.may_repeat = may_repeat  # one message per kill and queue, if listed as in doubt
        self.rounds = rounds          # of the long form, and of the short one


SCENARIOS = {
    "link-cut": Scenario(link_cut, True, False, (100, 8)),
    "kill-sender": Scenario(kill_sender, False, False, (500, 15)),
    "kill-receiver": Scenario(kill_receiver, False, True, (500, 15)),
    "kill-both": Scenario(kill_both, True, True, (500, 10)),
    "stop-start": Scenario(stop_start, True, False, (50, 4)),
    "reboot": Scenario(reboot, True, True, (50, 4)),
}
