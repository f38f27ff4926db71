#include "base/crc32c.h"

#include <pthread.h>
#include <string.h>

#define POLYNOMIAL 0x82f63b78u /* Castagnoli, bits reversed */
#define SLICES     8           /* bytes taken at a time by the tables */

static uint32_t tables[SLICES][256];
static pthread_once_t tables_once = PTHREAD_ONCE_INIT;

static void
tables_fill(void)
{
	for (uint32_t i = 0; i < 256; i++) {
		uint32_t crc = i;

		for (int bit = 0; bit < 8; bit++)
			crc = (crc >> 1) ^ (POLYNOMIAL & (0u - (crc & 1u)));
		tables[0][i] = crc;
	}
	/* tables[k][i]: what byte i does to the checksum when k more bytes follow it. */
	for (int k = 1; k < SLICES; k++) {
		for (int i = 0; i < 256; i++) {
			uint32_t crc = tables[k - 1][i];

			tables[k][i] = (crc >> 8) ^ tables[0][crc & 0xff];
		}
	}
}

uint32_t
crc32c_portable(uint32_t seed, const void *bytes, size_t len)
{
	const uint8_t *at = bytes;
	uint64_t word;
	uint32_t crc = ~seed;

	(void)pthread_once(&tables_once, tables_fill);
	for (; len >= sizeof(word); len -= sizeof(word), at += sizeof(word)) {
		memcpy(&word, at, sizeof(word));
		word ^=
		    crc; /* little-endian: the checksum meets the first four bytes */
		crc = 0;
		for (int k = SLICES - 1; k >= 0; k--, word >>= 8)
			crc ^= tables[k][word & 0xff];
	}
	for (; len > 0; len--)
		crc = (crc >> 8) ^ tables[0][(crc ^ *at++) & 0xff];
	return ~crc;
}

#ifdef __x86_64__
__attribute__((target("sse4.2"))) static uint32_t
crc32c_sse42(uint32_t seed, const uint8_t *at, size_t len)
{
	uint64_t crc = ~seed;
	uint64_t word;

	for (; len >= sizeof(word); len -= sizeof(word), at += sizeof(word)) {
		memcpy(&word, at, sizeof(word));
		crc = __builtin_ia32_crc32di(crc, word);
	}
	for (; len > 0; len--)
		crc = __builtin_ia32_crc32qi((uint32_t)crc, *at++);
	return ~(uint32_t)crc;
}
#endif

uint32_t
crc32c(uint32_t seed, const void *bytes, size_t len)
{
#ifdef __x86_64__
	/* One load and one test; the compiler's runtime has asked the processor already. */
	if (__builtin_cpu_supports("sse4.2"))
		return crc32c_sse42(seed, bytes, len);
#endif
	return crc32c_portable(seed, bytes, len);
}
