/* The addresses of listeners and peers, as far as a configuration must know them: the
 * transport takes them apart again. Pure. */
#ifndef MQBRIDGE_CONFIG_CHECK_ADDRESS_H
#define MQBRIDGE_CONFIG_CHECK_ADDRESS_H

#include <stdbool.h>

#include "base/compiler.h"

struct check_address {
	bool is_unix;
	bool is_local; /* surely stays on this host */
};

/* NULL, or what is wrong in words. */
const char *check_address(struct check_address *ret, const char *text) MUST_CHECK;
/* The same of where the metrics are: the host is a number or "localhost". */
const char *check_address_http(struct check_address *ret, const char *text) MUST_CHECK;

#endif
