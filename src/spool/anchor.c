#include "spool/anchor.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"

#define BOOT_ID_FILE "/proc/sys/kernel/random/boot_id"
#define TIME_MAX     (INT64_MAX / 2) /* ns, 146 years; the sum of two does not overflow */

void
anchor_boot(struct id *ret)
{
	char digits[ID_TEXT];
	size_t n = 0;
	size_t len;
	char *text;

	memset(ret, 0, sizeof(*ret));
	if (file_read(&text, &len, AT_FDCWD, BOOT_ID_FILE, 256) < 0)
		return;
	/* A UUID: 32 digits with hyphens between them. */
	for (size_t i = 0; i < len && n < sizeof(digits) - 1; i++)
		if (text[i] != '-')
			digits[n++] = text[i];
	digits[n] = '\0';
	free(text);
	if (id_parse(ret, digits) < 0)
		memset(ret, 0, sizeof(*ret));
}

static int64_t
sane(int64_t ns)
{
	return ns < 0 || ns > TIME_MAX ? 0 : ns;
}

int64_t
anchor_offset(const struct anchor *saved, const struct anchor *now)
{
	static const struct id unknown;
	int64_t clock_ns = sane(saved->clock_ns);
	int64_t elapsed_ns;

	if (id_equal(&saved->boot, &now->boot) && !id_equal(&now->boot, &unknown))
		elapsed_ns = sane(now->boot_ns) - sane(saved->boot_ns);
	else
		elapsed_ns = sane(now->wall_ns) - sane(saved->wall_ns);
	if (elapsed_ns > 0)
		clock_ns += elapsed_ns;
	return clock_ns - now->boot_ns;
}
