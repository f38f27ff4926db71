/* The store as text for people. */
#ifndef MQBRIDGE_TOOLS_SPOOL_PRINT_H
#define MQBRIDGE_TOOLS_SPOOL_PRINT_H

#include <jansson.h>
#include <stdio.h>

void spool_print(const json_t *all, FILE *out); /* what spool_list() made; borrowed */

#endif
