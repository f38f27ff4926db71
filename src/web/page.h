/* The status page: one document without anything from elsewhere, made at build time. */
#ifndef MQBRIDGE_WEB_PAGE_H
#define MQBRIDGE_WEB_PAGE_H

#include <stddef.h>

extern const unsigned char page_bytes[];
extern const size_t page_len;
extern const char page_policy[]; /* its Content-Security-Policy */

#endif
