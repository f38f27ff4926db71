/* JSON as ipcq writes it. */
#ifndef MQBRIDGE_TOOLS_IPCQ_JSON_H
#define MQBRIDGE_TOOLS_IPCQ_JSON_H

#include <jansson.h>
#include <stddef.h>
#include <stdio.h>

#include "base/compiler.h"

/* The member "NAME" when bytes are UTF-8, else "NAME_base64". 0 or -ENOMEM. */
int json_set_bytes(
    json_t *object, const char *name, const void *bytes, size_t len) MUST_CHECK;

/* In one line. 0 or -errno. */
int json_print(const json_t *value, FILE *out) MUST_CHECK;

#endif
