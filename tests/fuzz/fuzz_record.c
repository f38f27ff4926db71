/* record/record.h: a record from a peer or a damaged file. The first byte chooses
 * whether the input is sealed first, so that what lies behind the checksums is reached
 * too. */
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "fuzz.h"
#include "record/record.h"

static void
must(bool holds)
{
	if (!holds)
		abort();
}

static void
try_record(struct record *rec, uint64_t available, bool seal)
{
	uint32_t seed = 0x12345678;
	int rc;

	if (seal && record_stride(rec->length) <= available)
		record_seal(rec, seed);
	rc = record_check(rec, available, seed);
	must(rc == 0 || rc == -EBADMSG || rc == -ENODATA);
	if (rc != 0)
		return;
	must(rec->length <= RECORD_BODY_MAX);
	must(record_stride(rec->length) <= available);
	must(record_check_header(rec, seed) == 0);
	/* All but the state is under a checksum. */
	rec->state ^= 1;
	must(record_check(rec, available, seed) == 0);
	rec->number ^= 1;
	must(record_check(rec, available, seed) != 0);
}

int
LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
	struct record *rec;

	if (size < 1 + RECORD_HEADER)
		return 0;
	rec = malloc(size - 1); /* aligned, and of exactly that size for ASan */
	if (rec == NULL)
		return 0;
	memcpy(rec, bytes + 1, size - 1);
	must(record_recovered_length(rec->body, (uint32_t)(size - 1 - RECORD_HEADER),
		 0) <= size - 1 - RECORD_HEADER);
	try_record(rec, size - 1, bytes[0] & 1);
	free(rec);
	return 0;
}
