/* SPDX-License-Identifier: ISC */
/* backend_nft.c - nft.h as a backend. */
#include "base/log.h"
#include "enforce/backend.h"
#include "nft/nft.h"
#include "nft/nft_run.h"

static void *open_nft(const struct enforce_options *o, struct ruleset *rs, struct err *e)
{
	if (o->samples != NULL)
		log_warning("%s: backend nftables takes no samples", o->samples);
	return nft_open(o, rs, e);
}

static void close_nft(void *b)
{
	nft_free(b);
}

static bool remove_nft(void *b, struct err *e)
{
	return nft_remove(b, e);
}

static bool flush_nft(const struct enforce_options *o, struct err *e)
{
	(void)o;
	return !nft_is_there() || nft_flush(e);
}

static bool change_nft(void *b, struct rule *const *list, size_t n, struct err *e)
{
	return nft_change(b, list, n, e);
}

static size_t in_force_nft(const void *b)
{
	return nft_in_force(b);
}

static bool counters_nft(void *b, struct ruleset *rs, struct err *e)
{
	struct err why = { 0 };

	(void)rs;
	(void)e;
	/* The table may be gone: nft_refresh makes it anew. */
	if (!nft_counters(b, &why))
		log_debug("%s", why.text);
	return true;
}

static const char *epoch_nft(const void *b)
{
	return nft_epoch(b);
}

static void epoch_set_nft(void *b, const char *epoch)
{
	nft_epoch_set(b, epoch);
}

static bool refresh_nft(void *b)
{
	return nft_refresh(b);
}

static int events_nft(const void *b)
{
	return nft_events(b);
}

static void event_nft(void *b)
{
	nft_event(b);
}

static void samples_nft(void *b)
{
	(void)b;
}

static const struct saved *saved_nft(void *b)
{
	return nft_saved(b);
}

static json_t *verify_nft(void *b, struct ruleset *rs, const struct feed_question *q)
{
	struct err e = { 0 };
	json_t *answer = nft_verify_answer(b, rs, q, &e);

	return answer != NULL ? answer
			      : json_pack("{s:I, s:s}", "id", (json_int_t)q->id, "error", e.text);
}

const struct backend backend_nftables = {
	.name = "nftables",
	.able = &plan_able_nft,
	.open = open_nft,
	.close = close_nft,
	.remove = remove_nft,
	.flush = flush_nft,
	.change = change_nft,
	.in_force = in_force_nft,
	.counters = counters_nft,
	.epoch = epoch_nft,
	.epoch_set = epoch_set_nft,
	.refresh = refresh_nft,
	.events = events_nft,
	.event = event_nft,
	.samples = samples_nft,
	.saved = saved_nft,
	.verify = verify_nft,
};
