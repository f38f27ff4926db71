"""Kills, stops, reboots, and connections that are cut where the network does it."""
from torture.scenario import Scenario


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


SCENARIOS = {
    "link-cut": Scenario((100, 8), link_cut),
    "kill-sender": Scenario((2000, 10), kill_sender, both_ways=False),
    "kill-receiver": Scenario((2000, 10), kill_receiver, both_ways=False, may_repeat=True),
    "kill-both": Scenario((2000, 8), kill_both, may_repeat=True),
    "stop-start": Scenario((50, 4), stop_start),
    "reboot": Scenario((50, 4), reboot, may_repeat=True),
}
