/* The part of cross_check() that is about routes. Internal to the layer. */
#ifndef MQBRIDGE_CONFIG_CROSS_ROUTE_H
#define MQBRIDGE_CONFIG_CROSS_ROUTE_H

struct load;

/* Queues and peers are checked before. */
void cross_check_routes(struct load *ld);

#endif
