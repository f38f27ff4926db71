"""A daemon whose peer is away, and what waits for that in its overflow log."""
from .programs import until

PRIORITIES = (0, 3)
PRODUCERS = 3
FILL_S = 900


def filled(lab, body, is_enough):
    """The daemon, once is_enough(its route); bodies have up to so many bytes."""
    flow = lab.flow("over", "posix:/over", "posix:/over")
    flow.create(8, body)
    daemon, _ = lab.pair(
        {"queues": [{"name": "out", "uri": "posix:/over", "ring_size": "1MiB"}],
         "routes": [{"name": "main", "from": "out", "to": "b/in", "log_limit": "8GiB"}],
         "reserve_percent": 0, "reserve_space": "0B"},
        {"queues": [{"name": "in", "uri": "posix:/over"}]}, b_takes=["in"])
    daemon.start()
    for _ in range(PRODUCERS):
        flow.produce(PRIORITIES, "--max", body)
    until(lambda: is_enough(daemon.route("main")), FILL_S, "the log to be large")
    for producer in flow.producers:
        producer.pause()
    return daemon
