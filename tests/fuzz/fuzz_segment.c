/* spool/segment.h: a file of an overflow log. The first byte chooses whether the frame that the
 * input begins with, and its first record, are sealed, so that what lies behind the checksums is
 * reached too. */
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "fuzz.h"
#include "spool/segment.h"

#define INPUT_MAX (1 << 20)

static const struct id log_id = { { 1, 2, 3 } };

static void
must(bool holds)
{
	if (!holds)
		abort();
}

static void
seal(uint8_t *bytes, size_t size, bool record)
{
	struct segment_frame *fr = (void *)bytes;
	struct record *rec = (void *)(bytes + sizeof(*fr));

	if (size < sizeof(*fr) + RECORD_HEADER)
		return;
	fr->log = log_id;
	fr->segment = 1;
	fr->offset = 0;
	segment_frame_seal(fr);
	if (record && record_stride(rec->length) <= size - sizeof(*fr))
		record_seal(rec, segment_seed(fr));
}

static void
check_piece(const struct segment_piece *pc, uint64_t from, uint64_t end)
{
	uint64_t at = pc->from;

	must(pc->from <= from && pc->to > from && pc->to <= end);
	for (size_t i = 0; i < pc->n_runs; i++) {
		const struct segment_run *run = &pc->runs[i];
		uint32_t count = 0;

		must(run->from >= at && run->to > run->from && run->to <= pc->to);
		for (at = run->from; at < run->to; count++) {
			const struct record *rec = segment_record(pc, at);

			must(run->to - at >= RECORD_HEADER);
			must(record_check(rec, run->to - at, run->seed) == 0);
			at += record_stride(rec->length);
		}
		must(at == run->to && count == run->count);
	}
}

static void
load_all(const struct segment_file *sf)
{
	uint64_t at = 0;

	while (at < sf->end) {
		struct segment_piece pc;
		int rc = segment_load(&pc, sf, at, at, &log_id);

		must(rc == 0 || rc == -ENOTSUP || rc == -ENOMEM);
		if (rc < 0)
			return;
		check_piece(&pc, at, sf->end);
		at = pc.to;
		segment_piece_done(&pc);
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
	struct segment_file sf = { .log = log_id, .number = 1 };
	uint8_t *copy;

	if (size < 2 || size > INPUT_MAX)
		return 0;
	copy = malloc(size - 1);
	if (copy == NULL)
		return 0;
	memcpy(copy, bytes + 1, size - 1);
	if (bytes[0] & 1)
		seal(copy, size - 1, bytes[0] & 2);
	sf.end = size - 1 + (bytes[0] & 4 ? 100 : 0);
	sf.fd = memfd_create("segment", MFD_CLOEXEC);
	must(sf.fd >= 0 && write(sf.fd, copy, size - 1) == (ssize_t)(size - 1));
	load_all(&sf);
	(void)close(sf.fd);
	free(copy);
	return 0;
}
