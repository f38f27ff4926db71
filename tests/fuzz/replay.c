/* usage: fuzz_NAME FILE...
 * What stands in for libFuzzer's main: each file is one input, in memory of exactly its
 * size. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fuzz.h"

#define INPUT_MAX ((size_t)1 << 20) /* bytes */

static int
replay(const char *name)
{
	uint8_t *bytes = malloc(INPUT_MAX), *input;
	FILE *file = fopen(name, "rb");
	size_t size;

	if (bytes == NULL || file == NULL) {
		(void)fprintf(stderr, "%s: %s\n", name, strerror(errno));
		free(bytes);
		if (file != NULL)
			(void)fclose(file);
		return -1;
	}
	size = fread(bytes, 1, INPUT_MAX, file);
	(void)fclose(file);
	input = realloc(bytes, size > 0 ? size : 1);
	if (input == NULL)
		input = bytes;
	(void)LLVMFuzzerTestOneInput(input, size);
	free(input);
	return 0;
}

int
main(int argc, char **argv)
{
	int failed = 0;

	for (int i = 1; i < argc; i++)
		failed += replay(argv[i]) != 0;
	printf("%d inputs replayed\n", argc - 1 - failed);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
