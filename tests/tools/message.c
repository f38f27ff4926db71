#include "message.h"

#include <string.h>

#define CHECK_DIGITS 16 /* the check stands first and covers all that follows it */

/* Mixes all bits of a counter; the constants are those of splitmix64. */
static uint64_t
mix(uint64_t x)
{
	x += UINT64_C(0x9e3779b97f4a7c15);
	x = (x ^ (x >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
	x = (x ^ (x >> 27)) * UINT64_C(0x94d049bb133111eb);
	return x ^ (x >> 31);
}

static uint64_t
message_key(const struct recipe *rp, uint64_t number)
{
	return mix(rp->seed ^ mix(((uint64_t)rp->producer << 48) ^ number));
}

static uint64_t
hash(const unsigned char *p, size_t length)
{
	uint64_t h = length, word;

	for (; length >= sizeof(word); p += sizeof(word), length -= sizeof(word)) {
		memcpy(&word, p, sizeof(word));
		h = (h ^ word) * UINT64_C(0x9e3779b97f4a7c15);
		h ^= h >> 32;
	}
	word = 0;
	memcpy(&word, p, length);
	return mix(h ^ word);
}

static void
digits_put(unsigned char *p, unsigned n, uint64_t value)
{
	while (n > 0) {
		p[--n] = (unsigned char)"0123456789abcdef"[value & 15];
		value >>= 4;
	}
}

static bool
digits_get(const unsigned char *p, unsigned n, uint64_t *ret)
{
	uint64_t value = 0;
	unsigned i;

	for (i = 0; i < n; i++) {
		if (p[i] >= '0' && p[i] <= '9')
			value = value << 4 | (uint64_t)(p[i] - '0');
		else if (p[i] >= 'a' && p[i] <= 'f')
			value = value << 4 | (uint64_t)(p[i] - 'a' + 10);
		else
			return false;
	}
	*ret = value;
	return true;
}

/* Empty, tiny and largest bodies are where mistakes live, so each gets a fixed share. */
static uint32_t
message_length(const struct recipe *rp, uint64_t key)
{
	uint64_t wide = key >> 16;

	if (rp->fixed)
		return rp->max;
	switch (key >> 8 & 15) {
	case 0:
		return (uint32_t)(wide % ((rp->max < 64 ? rp->max : 63) + 1));
	case 1:
		return 0;
	case 2:
		return rp->max;
	default:
		return (uint32_t)(wide % ((uint64_t)rp->max + 1));
	}
}

void
message_plan(const struct recipe *rp, uint64_t number, struct plan *ret)
{
	uint64_t key = message_key(rp, number);

	ret->length = message_length(rp, key);
	ret->type_index = (uint32_t)((key & 255) % rp->n_types);
	ret->type = rp->types[ret->type_index];
}

/* Letters a..p, or any bytes. */
static void
fill(unsigned char *p, size_t length, uint64_t key, bool random)
{
	uint64_t word;

	while (length > 0) {
		size_t n = length < sizeof(word) ? length : sizeof(word);

		key = key * UINT64_C(6364136223846793005) + 1442695040888963407;
		word = key ^ (key >> 29);
		if (!random)
			word = (word & UINT64_C(0x0f0f0f0f0f0f0f0f)) +
			       UINT64_C(0x6161616161616161);
		memcpy(p, &word, n);
		p += n;
		length -= n;
	}
}

void
message_make(const struct recipe *rp, uint64_t number, unsigned char *body)
{
	uint64_t key = message_key(rp, number);
	struct plan plan;

	message_plan(rp, number, &plan);
	if (plan.length < MESSAGE_HEADER) {
		fill(body, plan.length, mix(key), rp->random != 0);
		return;
	}
	digits_put(body + 16, 4, rp->producer);
	digits_put(body + 20, 12, number);
	digits_put(body + 32, 16, (uint64_t)plan.type);
	digits_put(body + 48, 8, plan.length);
	fill(body + MESSAGE_HEADER, plan.length - MESSAGE_HEADER, mix(key),
	    rp->random != 0);
	digits_put(
	    body, CHECK_DIGITS, hash(body + CHECK_DIGITS, plan.length - CHECK_DIGITS));
}

bool
message_claim(const unsigned char *body, size_t length, struct claim *ret)
{
	uint64_t producer, number, type, said;

	if (length < MESSAGE_HEADER || !digits_get(body + 16, 4, &producer) ||
	    !digits_get(body + 20, 12, &number) || !digits_get(body + 32, 16, &type) ||
	    !digits_get(body + 48, 8, &said))
		return false;
	ret->producer = (uint32_t)producer;
	ret->number = number;
	ret->type = (int64_t)type;
	ret->length = (uint32_t)said;
	return true;
}

bool
message_intact(
    const unsigned char *body, size_t length, int64_t type, struct claim *ret)
{
	struct claim claim;
	uint64_t check;

	if (!message_claim(body, length, &claim) || claim.length != length ||
	    claim.type != type || !digits_get(body, CHECK_DIGITS, &check) ||
	    check != hash(body + CHECK_DIGITS, length - CHECK_DIGITS))
		return false;
	*ret = claim;
	return true;
}
