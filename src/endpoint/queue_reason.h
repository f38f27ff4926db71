/* What the failure of a call on a queue or a store means to an operator. Pure. */
#ifndef MQBRIDGE_ENDPOINT_QUEUE_REASON_H
#define MQBRIDGE_ENDPOINT_QUEUE_REASON_H

#include "base/reason.h"

/* rc: -errno of opening, making or using a queue. */
enum reason queue_reason(int rc);
/* rc: why a dead letter could not be stored. */
enum reason queue_reason_letter(int rc);
/* rc: why a batch could not go to an overflow log. */
enum reason queue_reason_log(int rc);

#endif
