#include "client/watch.h"

#include <errno.h>
#include <stdbool.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "control/reply.h"

static const char clear_screen[] = "\033[H\033[2J";

static void
wait_ms(uint64_t ms)
{
	struct timespec rest = { .tv_sec = (time_t)(ms / 1000),
		.tv_nsec = (long)(ms % 1000) * 1000000 };

	while (nanosleep(&rest, &rest) < 0 && errno == EINTR)
		;
}

/* Will asking again bring nothing else? */
static bool
is_final(int status)
{
	return status == REPLY_USAGE || status == REPLY_DENIED ||
	       status == REPLY_ABSENT;
}

int
watch_run(FILE *out, uint64_t every_ms, int (*once)(void *owner), void *owner)
{
	bool clears = isatty(fileno(out));

	for (bool first = true;; first = false) {
		uint64_t begun = clock_monotonic_ms(), passed;
		int status;

		if (clears)
			(void)fputs(clear_screen, out);
		else if (!first)
			(void)fputs("\n", out);
		status = once(owner);
		if (fflush(out) != 0 || ferror(out) || (first && is_final(status)))
			return status;
		passed = clock_monotonic_ms() - begun;
		if (passed < every_ms)
			wait_ms(every_ms - passed);
	}
}
