"""What the system and torture tests share: hosts made of namespaces, daemons in them, programs
that send and receive, and waiting for conditions. Needs nothing but Python's standard library."""
