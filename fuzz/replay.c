/* SPDX-License-Identifier: ISC */
/*
 * A main for a fuzz target without libFuzzer: runs it once over nothing and once over each file of
 * the directories named, in the order of their names, and prints a TAP case for each.
 *
 * A property that does not hold ends the process (assert, sanitizer); then the plan is not met.
 * Does not search for new inputs; that is `make fuzz`.
 */
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A seed is small; one that is not belongs elsewhere and would only be read in part. */
#define SEED_MAX (1u << 20)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Copied to a block of its own size, so that the sanitizer sees a step past the end. */
static void feed(const uint8_t *data, size_t size)
{
	uint8_t *exact = malloc(size ? size : 1);

	if (!exact)
		abort();
	if (size)
		memcpy(exact, data, size);
	LLVMFuzzerTestOneInput(exact, size);
	free(exact);
}

static int replay_file(int number, const char *dir, const char *name)
{
	static uint8_t buf[SEED_MAX];
	char path[4096];
	FILE *file;
	size_t size;

	(void)snprintf(path, sizeof(path), "%s/%s", dir, name);
	file = fopen(path, "rb");
	if (!file) {
		printf("not ok %d - %s cannot be read\n", number, path);
		return 1;
	}
	size = fread(buf, 1, sizeof(buf), file);
	(void)fclose(file);
	if (size == sizeof(buf)) {
		printf("not ok %d - %s is larger than a seed may be\n", number, path);
		return 1;
	}
	feed(buf, size);
	printf("ok %d - %s holds\n", number, name);
	return 0;
}

static int is_seed(const struct dirent *entry)
{
	return entry->d_name[0] != '.';
}

int main(int argc, char **argv)
{
	int cases = 0;
	int failed = 0;

	/* Line by line, so that a crash leaves the cases before it. */
	(void)setvbuf(stdout, NULL, _IOLBF, 0);
	feed(NULL, 0);
	printf("ok %d - no octets hold\n", ++cases);
	for (int i = 1; i < argc; i++) {
		struct dirent **seeds;
		int count = scandir(argv[i], &seeds, is_seed, alphasort);

		if (count <= 0) {
			printf("not ok %d - %s has no seeds\n", ++cases, argv[i]);
			failed = 1;
			continue;
		}
		for (int seed = 0; seed < count; seed++) {
			failed |= replay_file(++cases, argv[i], seeds[seed]->d_name);
			free(seeds[seed]);
		}
		free(seeds);
	}
	printf("1..%d\n", cases);
	return failed;
}
