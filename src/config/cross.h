/* What no key can be wrong about alone: names, references, pairs of routes. Internal to
 * the layer. */
#ifndef MQBRIDGE_CONFIG_CROSS_H
#define MQBRIDGE_CONFIG_CROSS_H

struct load;

/* Fill in what follows from other members (kind, take, to_peer, to_entry) and tell all
 * faults. Members that had a fault of their own may be NULL. */
void cross_check(struct load *ld);

#endif
