/* Once a second everything is judged, so that rates can be told, since when something is wrong,
 * and that a route no longer moves; and all of it together is handed on. It is done in slices
 * (base/slice.h), since there may be many queues and routes. */
#ifndef MQBRIDGE_ASSEMBLY_SURVEY_H
#define MQBRIDGE_ASSEMBLY_SURVEY_H

#include "base/compiler.h"

struct assembly;
struct numbers_total;
struct survey; /* opaque; used by the loop's thread */

/* total is what the last second's survey found; borrowed until it returns. */
typedef void survey_done_fn(void *owner, const struct numbers_total *total);

/* From now on. as is borrowed until survey_free(). 0 or -ENOMEM. */
int survey_new(struct survey **ret, const struct assembly *as, survey_done_fn *on_done,
    void *owner) MUST_CHECK;
void survey_free(struct survey *su); /* not from on_done(); NULL is fine */

#endif
