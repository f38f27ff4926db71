/* CRC-32C (Castagnoli), by the processor's instruction where it has one. */
#ifndef MQBRIDGE_BASE_CRC32C_H
#define MQBRIDGE_BASE_CRC32C_H

#include <stddef.h>
#include <stdint.h>

/* Continue from seed (0 for a fresh one): crc32c(crc32c(0, a), b) == crc32c(0, ab).
 * crc32c(0, "123456789", 9) == 0xe3069283. */
uint32_t crc32c(uint32_t seed, const void *bytes, size_t len);

/* The same by tables: what crc32c() does on a processor without the instruction. */
uint32_t crc32c_portable(uint32_t seed, const void *bytes, size_t len);

#endif
