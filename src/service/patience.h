/* While the daemon starts or stops its loop does not turn, and what it reads or writes may take
 * any time: the service manager is asked for more of it as long as the work goes on. */
#ifndef MQBRIDGE_SERVICE_PATIENCE_H
#define MQBRIDGE_SERVICE_PATIENCE_H

#include "base/compiler.h"

struct patience; /* opaque */

#define PATIENCE_LOOK_MS 2000

/* From now until patience_end() a thread looks whether this process works, which is: uses the
 * processor. Who hangs is given no time. 0 and *ret, NULL when nobody listens; or -errno. */
int patience_begin(struct patience **ret) MUST_CHECK;
void patience_end(struct patience *pt); /* NULL is fine */

#endif
