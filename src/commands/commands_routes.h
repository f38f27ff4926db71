/* What "show routes" and "show route" have in common. */
#ifndef MQBRIDGE_COMMANDS_COMMANDS_ROUTES_H
#define MQBRIDGE_COMMANDS_COMMANDS_ROUTES_H

struct assembly_route;
struct item;
struct numbers_route;

/* The members of an item of "show routes". */
void commands_item_route(
    struct item *it, const struct assembly_route *ar, const struct numbers_route *nr);

#endif
