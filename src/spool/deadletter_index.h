/* What is known of every dead letter without reading its file: in the order of their keys.
 * Memory only, no locks; private to the dead-letter store. */
#ifndef MQBRIDGE_SPOOL_DEADLETTER_INDEX_H
#define MQBRIDGE_SPOOL_DEADLETTER_INDEX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/compiler.h"
#include "spool/deadletter.h"

struct deadletter_index; /* opaque */

int deadletter_index_new(struct deadletter_index **ret) MUST_CHECK;
void deadletter_index_free(struct deadletter_index *ix); /* NULL is fine */

/* Room for one more, so that adding it cannot fail. 0 or -ENOMEM. */
struct deadletter_entry;
int deadletter_entry_new(
    struct deadletter_entry **ret, const struct deadletter *dt) MUST_CHECK;
void deadletter_entry_free(struct deadletter_entry *en); /* NULL is fine */
int deadletter_index_reserve(struct deadletter_index *ix) MUST_CHECK;
/* After a reserve. Takes over en, whose key is not there. charge: bytes as the limits count. */
void deadletter_index_add(
    struct deadletter_index *ix, struct deadletter_entry *en, uint64_t charge);
bool deadletter_index_remove(
    struct deadletter_index *ix, const struct deadletter_key *key);
void deadletter_index_set_flags(
    struct deadletter_index *ix, const struct deadletter_key *key, uint16_t flags);

size_t deadletter_index_count(const struct deadletter_index *ix);
size_t deadletter_index_held(const struct deadletter_index *ix); /* with DEAD_HELD */
/* Of all letters, or of those of one route. */
uint64_t deadletter_index_bytes(const struct deadletter_index *ix, const char *route);
/* Place of the first whose key is not before key. */
size_t deadletter_index_from(
    const struct deadletter_index *ix, const struct deadletter_key *key);
bool deadletter_index_has(
    const struct deadletter_index *ix, const struct deadletter_key *key);
/* Borrowed until the index is changed. */
const struct deadletter_info *deadletter_index_at(
    const struct deadletter_index *ix, size_t i);

int deadletter_key_compare(
    const struct deadletter_key *a, const struct deadletter_key *b);

#endif
