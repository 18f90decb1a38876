/* SPDX-License-Identifier: ISC */
/* samples.c - see samples.h.
 *
 * The program wakes nobody: the ring is read by and by, and when it is full samples are lost, not
 * packets.  A block is written in one piece, and what was written of one that failed is cut off, so
 * that another section can follow it.
 */
#include "enforce/samples.h"

#include <bpf/libbpf.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/log.h"
#include "base/str.h"
#include "enforce/pcapng.h"
#include "enforce/xdp.h"

static uint64_t clock_ns(clockid_t clock)
{
	struct timespec t;

	clock_gettime(clock, &t);
	return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

/* ---- The file --------------------------------------------------------------------------- */

static void file_end(struct samples *s, const char *why)
{
	log_warning("%s: %s; samples are only counted from now on", s->path, why);
	close(s->file);
	s->file = -1;
}

/* A pipe whose reader is slow loses samples. */
static bool put(struct samples *s, const struct wr *w)
{
	size_t len = wr_len(w);
	ssize_t n;

	if (len > s->room) {
		file_end(s, "it has reached 64 MiB");
		return false;
	}
	n = write(s->file, w->base, len);
	if (n == (ssize_t)len) {
		s->room -= len;
		return true;
	}
	if (n < 0 && errno == EAGAIN)
		return false;
	if (n > 0 && ftruncate(s->file, lseek(s->file, 0, SEEK_END) - n) < 0)
		log_warning("%s: it ends within a packet: %s", s->path, strerror(errno));
	file_end(s, n < 0 ? strerror(errno) : "no room for more");
	return false;
}

static bool put_section(struct samples *s)
{
	uint8_t room[128];
	struct wr w = wr_over(room, sizeof(room));

	pcapng_section(&w, "headgate-enforce");
	if (!put(s, &w))
		return false;
	s->interface_count = 0;
	return true;
}

/* Its number in the section. */
static bool put_interface(struct samples *s, unsigned ifindex, uint32_t *ret)
{
	uint8_t room[128];
	char name[IF_NAMESIZE + 16];
	struct wr w = wr_over(room, sizeof(room));

	for (*ret = 0; *ret < s->interface_count; (*ret)++)
		if (s->interface[*ret] == ifindex)
			return true;
	if (s->interface_count == SAMPLES_INTERFACES && !put_section(s))
		return false;
	if (if_indextoname(ifindex, name) == NULL)
		(void)snprintf(name, sizeof(name), "interface %u", ifindex);
	pcapng_interface(&w, name, XDP_SAMPLE_OCTETS);
	if (!put(s, &w))
		return false;
	*ret = (uint32_t)s->interface_count;
	s->interface[s->interface_count++] = ifindex;
	return true;
}

/* A full disk is no reason to have no rules; a pipe that is full would miss its beginning. */
static bool file_begin(struct samples *s, struct err *e)
{
	if (put_section(s) || s->file < 0)
		return true;
	return err_at(e, 0, 0, "%s: it is full, and nobody reads from it", s->path);
}

static bool file_open(struct samples *s, struct err *e)
{
	struct stat st;
	uint8_t first[4];

	s->file = open(s->path, O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC | O_NONBLOCK, 0600);
	if (s->file < 0)
		return err_at(e, 0, 0, "%s: cannot write it: %s", s->path, strerror(errno));
	if (fstat(s->file, &st) < 0)
		return err_at(e, 0, 0, "%s: %s", s->path, strerror(errno));
	s->room = UINT64_MAX;
	if (!S_ISREG(st.st_mode))
		return file_begin(s, e);
	s->room = st.st_size < SAMPLES_FILE_MAX ? (uint64_t)(SAMPLES_FILE_MAX - st.st_size) : 0;
	if (st.st_size > 0 &&
	    (pread(s->file, first, sizeof(first), 0) != sizeof(first) || !pcapng_is_section(first)))
		return err_at(e, 0, 0, "%s: it is there and no pcapng file; it stays", s->path);
	return file_begin(s, e);
}

/* ---- Samples ---------------------------------------------------------------------------- */

static void put_sample(struct samples *s, const struct xdp_sample *from)
{
	static char comment[PCAPNG_COMMENT_MAX];
	static uint8_t room[PCAPNG_BLOCK_MAX];
	const struct rule *r = xdp_rule(s->xdp, from->slot);
	struct str text = str_over(comment, sizeof(comment));
	struct wr w = wr_over(room, sizeof(room));
	struct pcapng_packet p = { .time = from->time + s->offset,
				   .octets = from->head,
				   .captured = from->captured,
				   .length = from->octets,
				   .comment = comment };

	if (r != NULL)
		flow_text_print(NULL, &r->nlri, NULL, &text);
	else
		str_add(&text, "a rule that is gone");
	if (!put_interface(s, from->interface, &p.interface))
		return;
	pcapng_packet(&w, &p);
	s->written += put(s, &w);
}

static int got_sample(void *ctx, void *data, size_t size)
{
	struct samples *s = ctx;
	const struct xdp_sample *from = data;

	s->taken++;
	if (s->file >= 0 && size == sizeof(*from) && from->captured <= XDP_SAMPLE_OCTETS)
		put_sample(s, from);
	return 0;
}

bool samples_open(struct samples *s, struct xdp *x, const char *path, struct err *e)
{
	*s = (struct samples){ .xdp = x, .path = path, .file = -1 };
	s->ring = ring_buffer__new(xdp_samples(x), got_sample, s, NULL);
	if (s->ring == NULL)
		return err_at(e, 0, 0, "cannot map the samples: %s", strerror(errno));
	return path == NULL || file_open(s, e);
}

void samples_read(struct samples *s)
{
	s->offset = clock_ns(CLOCK_REALTIME) - clock_ns(CLOCK_MONOTONIC);
	(void)ring_buffer__consume(s->ring);
}

void samples_close(struct samples *s)
{
	if (s->ring == NULL)
		return;
	samples_read(s);
	if (s->taken > 0 || xdp_samples_lost(s->xdp) > 0)
		log_info("%" PRIu64 " samples, %" PRIu64 " of them written; %" PRIu64
			 " lost, the ring being full",
			 s->taken, s->written, xdp_samples_lost(s->xdp));
	ring_buffer__free(s->ring);
	if (s->file >= 0)
		close(s->file);
	*s = (struct samples){ .file = -1 };
}
