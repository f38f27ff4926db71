/* Arrays that grow. Internal to the layer. */
#ifndef MQBRIDGE_CONFIG_ARRAY_H
#define MQBRIDGE_CONFIG_ARRAY_H

#include <stddef.h>

#include "base/compiler.h"

/* Make room for more elements of width bytes behind the first used ones: 0 or -ENOMEM,
 * which leaves everything as it was. items is the address of the array's pointer. */
int array_reserve(
    void *items, size_t *room, size_t used, size_t more, size_t width) MUST_CHECK;

#endif
