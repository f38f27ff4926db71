/* Addresses of listeners and peers: "tcp://host:port", "tcp://[v6]:port",
 * "unix:///path". Pure. */
#ifndef MQBRIDGE_NET_ADDRESS_H
#define MQBRIDGE_NET_ADDRESS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/compiler.h"

enum address_kind { ADDRESS_TCP = 1, ADDRESS_UNIX = 2 };

struct address {
	enum address_kind kind;
	char host[256]; /* tcp: name or number, without brackets */
	uint16_t port;  /* tcp: 1..65535 */
	char path[108]; /* unix: absolute, fits sun_path */
};

/* 0; -EINVAL: not of that form; -EPROTONOSUPPORT: another scheme. */
int address_parse(struct address *ret, const char *text) MUST_CHECK;
/* Does it surely stay on this host: unix, 127.0.0.0/8, ::1, "localhost"? */
bool address_is_local(const struct address *ad);

#endif
