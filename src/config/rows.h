/* The tables of all keys. Internal to the layer; the manual page is checked against
 * them. */
#ifndef MQBRIDGE_CONFIG_ROWS_H
#define MQBRIDGE_CONFIG_ROWS_H

#include "config/field.h"

extern const struct field_table rows_global; /* of struct conf */

#endif
