/* "Did you mean": the nearest of some names. Internal to the layer. */
#ifndef MQBRIDGE_CONFIG_SUGGEST_H
#define MQBRIDGE_CONFIG_SUGGEST_H

#include <stddef.h>

#define SUGGEST_MAX 32 /* bytes; longer texts are no misspelt key */

/* How many letters must be changed, added, left out or exchanged with their neighbour
 * to make b of a; SUGGEST_MAX + 1 when either is longer than SUGGEST_MAX. */
size_t suggest_distance(const char *a, const char *b);

/* Is known near enough to text to be meant? */
int suggest_fits(const char *text, const char *known, size_t distance);

#endif
