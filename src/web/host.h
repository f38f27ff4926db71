/* The "Host" of a request. A page from elsewhere whose name is made to lead to us ("DNS
 * rebinding") has that name in it, so that a browser cannot be made to read our answers for
 * somebody else. Pure. */
#ifndef MQBRIDGE_WEB_HOST_H
#define MQBRIDGE_WEB_HOST_H

#include <stdbool.h>
#include <stddef.h>

/* Is it a number, "localhost" or one of the names, with or without a port? Names have no
 * port, and upper or lower case are the same. */
bool host_is_ours(const char *host, const char *const *names, size_t n_names);

#endif
