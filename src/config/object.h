/* Objects from groups, by their tables. Internal to the layer. */
#ifndef MQBRIDGE_CONFIG_OBJECT_H
#define MQBRIDGE_CONFIG_OBJECT_H

#include "config/field.h"

/* Set the members of object from a group; group may be NULL: presets only. Unknown,
 * missing and wrong keys are told to ld. */
void object_load(struct load *ld, const struct field_table *table,
    const config_setting_t *group, void *object);

#endif
