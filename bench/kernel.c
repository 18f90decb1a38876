/* SPDX-License-Identifier: ISC */
/* kernel.c - see kernel.h. */
#include "bench/kernel.h"

#include <bpf/bpf.h>
#include <errno.h>
#include <linux/bpf.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "enforce/protect.h"

enum {
	OBJECT_MAX = 1 << 20
};

void die(const char *what)
{
	fprintf(stderr, "bench: %s\n", what);
	exit(1);
}

double cpu_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

double now_us(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec * 1e6 + (double)t.tv_nsec / 1e3;
}

static int compare_doubles(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

double median(double *list, size_t n)
{
	qsort(list, n, sizeof(list[0]), compare_doubles);
	return list[n / 2];
}

void print_times(const char *what, double *us, size_t n)
{
	double middle = median(us, n); /* and sorts */

	printf("    %-8s p50 %8.1f us   p99 %8.1f us   max %8.1f us\n", what, middle,
	       us[n * 99 / 100], us[n - 1]);
}

static void *map_of(const struct xdp *x, const char *name, size_t size)
{
	__u32 ids[32], len = sizeof(struct bpf_prog_info);
	struct bpf_prog_info p = { .nr_map_ids = 32, .map_ids = (__u64)(uintptr_t)ids };

	if (bpf_obj_get_info_by_fd(xdp_program(x), &p, &len) < 0)
		die(strerror(errno));
	for (__u32 i = 0; i < p.nr_map_ids; i++) {
		struct bpf_map_info m = { 0 };
		int fd = bpf_map_get_fd_by_id(ids[i]);
		void *at;

		len = sizeof(m);
		if (fd < 0 || bpf_obj_get_info_by_fd(fd, &m, &len) < 0)
			die(strerror(errno));
		if (strcmp(m.name, name) != 0) {
			close(fd);
			continue;
		}
		at = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
		if (at == MAP_FAILED)
			die(strerror(errno));
		return at;
	}
	die(name);
	return NULL;
}

static struct xdp_image read_object(const char *path)
{
	void *octets = malloc(OBJECT_MAX);
	FILE *file = fopen(path, "rb");
	struct xdp_image image = { .octets = octets };

	if (file == NULL || octets == NULL)
		die(path);
	image.size = fread(octets, 1, OBJECT_MAX, file);
	fclose(file);
	return image;
}

static void pin_to_cpu(void)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(1, &set);
	(void)sched_setaffinity(0, sizeof(set), &set);
}

void bench_open(struct bench *b, const char *object)
{
	struct xdp_image image = read_object(object);
	struct err e = { 0 };

	pin_to_cpu();
	b->x = xdp_open(&image, NULL, &e);
	if (b->x == NULL || !protect_set(b->x, &(struct enforce_protect){ 0 }, &e))
		die(e.text);
	free((void *)image.octets);
	b->frames = map_of(b->x, "bench_frames", (size_t)FRAMES * FRAME);
	b->state = map_of(b->x, "bench_state", sizeof(*b->state));
}

void bench_close(struct bench *b)
{
	xdp_free(b->x);
}

void bench_change(struct bench *b, struct rule **list, size_t n, bool wanted)
{
	struct err e = { 0 };

	for (size_t i = 0; i < n; i++)
		list[i]->wanted = wanted;
	if (!xdp_change(b->x, list, n, &e))
		die(e.text);
}
