/* May a peer send to one of our queues? The answer to a stream that it opens. */
#ifndef MQBRIDGE_ASSEMBLY_ACCEPT_H
#define MQBRIDGE_ASSEMBLY_ACCEPT_H

#include "link/link.h"

/* Its on_open(); the owner is the struct assembly. */
extern const struct link_ops accept_link_ops;

#endif
