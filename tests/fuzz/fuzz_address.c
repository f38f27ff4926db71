/* net/address.h: what is accepted keeps to its bounds. */
#include <stdlib.h>
#include <string.h>

#include "fuzz.h"
#include "net/address.h"

static void
must(bool holds)
{
	if (!holds)
		abort();
}

int
LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
	struct address ad;
	char *text = malloc(size + 1);

	if (text == NULL)
		return 0;
	if (size > 0)
		memcpy(text, bytes, size);
	text[size] = '\0';
	memset(&ad, 0xff, sizeof(ad));
	if (address_parse(&ad, text) == 0 && ad.kind == ADDRESS_TCP) {
		must(ad.port > 0 && memchr(ad.host, 0, sizeof(ad.host)) != NULL);
		must(ad.host[0] != '\0' && strpbrk(ad.host, "/[]% \n") == NULL);
		(void)address_is_local(&ad);
	} else if (address_parse(&ad, text) == 0) {
		must(ad.kind == ADDRESS_UNIX && address_is_local(&ad));
		must(ad.path[0] == '/' && memchr(ad.path, 0, sizeof(ad.path)) != NULL);
	}
	free(text);
	return 0;
}
