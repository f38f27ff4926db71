#include "base/parse.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "base/digit.h"

#define FRACTION_DIGITS 3
#define FRACTION_ONE    1000 /* 10 to the power of FRACTION_DIGITS */
#define UNITS           5    /* of each table that format_scaled() uses */
#define SHORT_ENOUGH    100  /* "90s" rather than "1.5m" */

struct unit {
	const char *name;
	uint64_t scale;
};

/* The first is the smallest; format_scaled() goes through them from the last. */
static const struct unit binary_units[UNITS] = {
	{ "B", 1 },
	{ "KiB", UINT64_C(1) << 10 },
	{ "MiB", UINT64_C(1) << 20 },
	{ "GiB", UINT64_C(1) << 30 },
	{ "TiB", UINT64_C(1) << 40 },
};

static const struct unit decimal_units[] = {
	{ "kB", UINT64_C(1000) },
	{ "MB", UINT64_C(1000000) },
	{ "GB", UINT64_C(1000000000) },
	{ "TB", UINT64_C(1000000000000) },
};

static const struct unit time_units[UNITS] = {
	{ "ms", 1 },
	{ "s", UINT64_C(1000) },
	{ "m", UINT64_C(60000) },
	{ "h", UINT64_C(3600000) },
	{ "d", UINT64_C(86400000) },
};

/* Digits from *text on, at least one; *text is moved behind them. All digits are read also
 * when the value is too large, so that "9999999999999999999x" is still of the wrong form. */
static int
take_digits(uint64_t *ret, const char **text, int base)
{
	uint64_t value = 0;
	const char *at = *text;
	bool too_large = false;

	for (; digit_value(*at) < base; at++) {
		if (__builtin_mul_overflow(value, (uint64_t)base, &value) ||
		    __builtin_add_overflow(value, (uint64_t)digit_value(*at), &value))
			too_large = true;
	}
	if (at == *text)
		return -EINVAL;
	*text = at;
	*ret = value;
	return too_large ? -ERANGE : 0;
}

static int
parse_whole(uint64_t *ret, const char *text)
{
	int base = 10;
	int rc;

	if (text[0] == '0' && (text[1] == 'x' || text[1] == 'X')) {
		base = 16;
		text += 2;
	}
	rc = take_digits(ret, &text, base);
	return *text != '\0' ? -EINVAL : rc;
}

int
parse_u64(uint64_t *ret, const char *text, uint64_t min, uint64_t max)
{
	uint64_t value = 0;
	int rc;

	rc = parse_whole(&value, text);
	if (rc < 0)
		return rc;
	if (value < min || value > max)
		return -ERANGE;
	*ret = value;
	return 0;
}

int
parse_i64(int64_t *ret, const char *text, int64_t min, int64_t max)
{
	bool negative = text[0] == '-' && min < 0;
	uint64_t limit = (uint64_t)INT64_MAX + negative;
	uint64_t size = 0;
	int64_t value;
	int rc;

	rc = parse_whole(&size, text + negative);
	if (rc < 0)
		return rc;
	if (size > limit)
		return -ERANGE;
	value = (int64_t)(negative ? 0 - size : size);
	if (value < min || value > max)
		return -ERANGE;
	*ret = value;
	return 0;
}

/* What stands after the point, in thousandths. */
static int
take_fraction(uint64_t *ret, const char **text)
{
	uint64_t value = 0;
	int digits;

	for (digits = 0; digits < FRACTION_DIGITS && digit_is(**text); digits++)
		value = 10 * value + (uint64_t)(*(*text)++ - '0');
	if (digits == 0 || digit_is(**text))
		return -EINVAL;
	for (; digits < FRACTION_DIGITS; digits++)
		value *= 10;
	*ret = value;
	return 0;
}

static const struct unit *
find_unit(const char *name, const struct unit *units, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		if (strcmp(name, units[i].name) == 0)
			return &units[i];
	}
	return NULL;
}

struct amount {
	uint64_t whole;
	uint64_t fraction; /* thousandths */
	bool has_fraction;
	bool too_large;
	const char *unit; /* what follows the number */
};

static int
take_amount(struct amount *am, const char *text)
{
	int rc;

	rc = take_digits(&am->whole, &text, 10);
	if (rc == -EINVAL)
		return rc;
	am->too_large = rc < 0;
	am->has_fraction = *text == '.';
	if (am->has_fraction) {
		text++;
		rc = take_fraction(&am->fraction, &text);
		if (rc < 0)
			return rc;
	}
	am->unit = text;
	return 0;
}

static int
amount_scale(uint64_t *ret, const struct amount *am, const struct unit *unit)
{
	uint64_t value;
	uint64_t part;

	if (unit == NULL || (am->has_fraction && unit->scale == 1))
		return -EINVAL;
	part = am->fraction * unit->scale / FRACTION_ONE;
	if (am->too_large || __builtin_mul_overflow(am->whole, unit->scale, &value) ||
	    __builtin_add_overflow(value, part, &value))
		return -ERANGE;
	*ret = value;
	return 0;
}

int
parse_size(uint64_t *ret_bytes, const char *text)
{
	const struct unit *unit;
	struct amount am = { 0 };
	int rc;

	rc = take_amount(&am, text);
	if (rc < 0)
		return rc;
	if (*am.unit == '\0')
		return amount_scale(ret_bytes, &am, &binary_units[0]);
	if (*am.unit == ' ')
		am.unit++;
	unit = find_unit(am.unit, binary_units, ARRAY_LEN(binary_units));
	if (unit == NULL)
		unit = find_unit(am.unit, decimal_units, ARRAY_LEN(decimal_units));
	return amount_scale(ret_bytes, &am, unit);
}

int
parse_duration(uint64_t *ret_ms, const char *text)
{
	struct amount am = { 0 };
	int rc;

	rc = take_amount(&am, text);
	if (rc < 0)
		return rc;
	if (*am.unit == ' ')
		am.unit++;
	return amount_scale(
	    ret_ms, &am, find_unit(am.unit, time_units, ARRAY_LEN(time_units)));
}

int
parse_mode(uint32_t *ret, const char *text)
{
	uint64_t value = 0;
	int rc;

	rc = take_digits(&value, &text, 8);
	if (*text != '\0')
		return -EINVAL;
	if (rc < 0)
		return rc;
	if (value > 0777)
		return -ERANGE;
	*ret = (uint32_t)value;
	return 0;
}

static char *
format_scaled(char *buf, size_t size, uint64_t value, const struct unit *units)
{
	const struct unit *whole = &units[0];
	const struct unit *unit = &units[0];

	for (size_t i = 1; i < UNITS; i++) {
		if (value >= units[i].scale)
			unit = &units[i];
		if (value > 0 && value % units[i].scale == 0)
			whole = &units[i];
	}
	if (value / whole->scale < SHORT_ENOUGH)
		unit = whole;
	if (value % unit->scale == 0)
		(void)snprintf(
		    buf, size, "%ju%s", (uintmax_t)(value / unit->scale), unit->name);
	else
		(void)snprintf(buf, size, "%ju.%ju%s", (uintmax_t)(value / unit->scale),
		    /* The remainder is below 2^40, so ten times it fits. */
		    (uintmax_t)(value % unit->scale * 10 / unit->scale), unit->name);
	return buf;
}

char *
format_size(char *buf, size_t size, uint64_t bytes)
{
	return format_scaled(buf, size, bytes, binary_units);
}

char *
format_duration(char *buf, size_t size, uint64_t ms)
{
	return format_scaled(buf, size, ms, time_units);
}
