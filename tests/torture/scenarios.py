"""All scenarios by name. `both_ways` says whether messages also flow from b to a; where only the
sender or only the receiver is to be hit, they do not."""
from torture import (scenario_crash_points, scenario_disk_full, scenario_faults, scenario_kill,
                     scenario_partition, scenario_reload, scenario_restart, scenario_snapshot,
                     scenario_vanish, scenario_verbs)

SCENARIOS = {
    **scenario_kill.SCENARIOS,
    **scenario_partition.SCENARIOS,
    **scenario_vanish.SCENARIOS,
    **scenario_snapshot.SCENARIOS,
    **scenario_restart.SCENARIOS,
    **scenario_reload.SCENARIOS,
    **scenario_verbs.SCENARIOS,
    **scenario_crash_points.SCENARIOS,
    **scenario_faults.SCENARIOS,
    **scenario_disk_full.SCENARIOS,
}
