/* SPDX-License-Identifier: ISC */
/* enforcer.c - the loop: the feed into the kernel, counters back to the hub.
 *
 * What has arrived is read first and put in force then, so that a hundred small changes in a row
 * cost one; a change that is half read is never put in force.
 * Neither a hub that is gone nor one that has not come yet is an error: it is tried again.
 */
#include "enforce/enforce.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/signalfd.h>
#include <time.h>
#include <unistd.h>

#include "base/log.h"
#include "ctl/client.h"
#include "enforce/away.h"
#include "enforce/backend.h"
#include "enforce/feed.h"
#include "enforce/privilege.h"
#include "enforce/report.h"
#include "enforce/ruleset.h"
#include "enforce/syscalls.h"

enum {
	RETRY_MS = 300,         /* between two tries to reach the hub */
	RETRY_MAX_MS = 1000,    /* when it closes the connection before it has told its rules */
	REPORT_MS = 1000,       /* between two looks at counters and interfaces */
	REPORT_SOON_MS = 100,   /* after a change, when the hub still has a report to answer */
	REPORT_FEW = 256,       /* rules of a change that are told on their own */
	LINES_AT_A_TIME = 2000, /* of the feed, until signals and reports have their turn */
	COMPLAINTS_MAX = 20     /* about lines of one connection */
};

struct enforcer {
	const struct enforce_options *options;
	const struct backend *backend;
	void *kernel; /* the backend's; NULL: not open */
	bool cleared; /* what another backend has left was looked for */
	struct ruleset rules;
	struct feed feed;
	struct ctl_client *hub; /* NULL: none at the moment */
	struct away away;
	struct report report;
	int signals;
	int64_t hub_at, report_at; /* when to try, when to look, in ms */
	bool waiting;              /* that there is no hub, or none of use, was said */
	bool more;                 /* lines of the hub's have been read and not looked at */
	uint64_t complaints;
	char report_failed[160]; /* what was said last about reports */
	bool refused;            /* the tables had no room for some rules */
	int signal;              /* that ended the loop; 0: it runs */
};

static const struct backend *const backends[] = { &backend_xdp, &backend_nftables };

static int64_t now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* ---- Into the kernel -------------------------------------------------------------------- */

/* After a change: a rule that is no longer wanted is forgotten, and then false. */
static bool settle_rule(struct enforcer *f, struct rule *r)
{
	if (!r->wanted && r->slot < 0) {
		ruleset_remove(&f->rules, r);
		return false;
	}
	r->state = r->slot < 0 || !rule_wanted(r)      ? RULE_NOT_ENFORCED
		   : f->options->monitor || r->monitor ? RULE_MONITOR
						       : RULE_ENFORCED;
	if (r->state == RULE_NOT_ENFORCED)
		r->reported = false;
	f->refused |= r->why_table != NULL;
	return true;
}

static void touch_refused(struct rule *r, void *ctx)
{
	struct enforcer *f = ctx;

	if (r->why_table != NULL)
		ruleset_touch(&f->rules, r);
}

static void touch(struct rule *r, void *ctx)
{
	struct enforcer *f = ctx;

	ruleset_touch(&f->rules, r);
}

/* Does the change take something out? */
static bool makes_room(struct enforcer *f)
{
	bool leaving = false;

	if (f->rules.touched_lost)
		ruleset_each(&f->rules, touch, f);
	f->rules.touched_lost = false;
	for (size_t i = 0; i < f->rules.touched_count && !leaving; i++)
		leaving = f->rules.touched[i]->slot >= 0 && !rule_wanted(f->rules.touched[i]);
	return leaving;
}

/* What the tables refused may have room now. */
static void try_refused(struct enforcer *f)
{
	f->refused = false;
	ruleset_each(&f->rules, touch_refused, f);
	f->feed.dirty = true;
}

/* A hub that refuses reports does so each second; it is said once. */
static void report_lost(struct enforcer *f, const struct err *e)
{
	report_close(&f->report);
	if (strncmp(f->report_failed, e->text, sizeof(f->report_failed) - 1) == 0)
		return;
	(void)snprintf(f->report_failed, sizeof(f->report_failed), "%s", e->text);
	log_warning("report: %s", e->text);
}

/* A report of all rules looks at each of them, which a change of one should not have to wait for.
 */
static void report_change(struct enforcer *f, struct rule *const *list, size_t n)
{
	int64_t soon = now_ms() + REPORT_SOON_MS;
	struct err e = { 0 };

	if (f->report.client == NULL || n > REPORT_FEW)
		f->report_at = 0;
	else if (f->report.unanswered > 0)
		f->report_at = f->report_at < soon ? f->report_at : soon;
	else if (!report_rules(&f->report, list, n, &e))
		report_lost(f, &e);
}

/* An enforcer of another backend that was killed has left its rules.  They go when ours are there.
 */
static void clear_others(struct enforcer *f)
{
	if (f->cleared)
		return;
	f->cleared = true;
	for (size_t i = 0; i < sizeof(backends) / sizeof(backends[0]); i++) {
		struct err e = { 0 };

		if (backends[i] != f->backend && !backends[i]->flush(f->options, &e))
			log_warning("rules of %s are left: %s", backends[i]->name, e.text);
	}
}

static void put_in_force(struct enforcer *f)
{
	bool room = makes_room(f);
	size_t n = f->rules.touched_count, left = 0;
	struct err e = { 0 };

	if (!f->backend->change(f->kernel, f->rules.touched, n, &e))
		log_error("%s", e.text);
	else if (f->feed.settled) {
		f->backend->epoch_set(f->kernel, f->feed.epoch);
		clear_others(f);
	}
	f->feed.dirty = f->rules.touched_lost;
	for (size_t i = 0; i < n; i++)
		f->rules.touched[i]->touched = false;
	f->rules.touched_count = 0;
	for (size_t i = 0; i < n; i++)
		if (settle_rule(f, f->rules.touched[i]))
			f->rules.touched[left++] = f->rules.touched[i];
	report_change(f, f->rules.touched, left);
	if (room && f->refused)
		try_refused(f);
	log_debug("%zu rules in force", f->backend->in_force(f->kernel));
}

/* ---- The hub ------------------------------------------------------------------------------ */

/* What went wrong before the hub had told its rules is said once and not at each try. */
static void hub_lost(struct enforcer *f, const char *why)
{
	bool of_use = f->feed.complete;

	ctl_client_free(f->hub);
	f->hub = NULL;
	f->more = false;
	f->hub_at = now_ms() + (of_use ? RETRY_MS : RETRY_MAX_MS);
	report_close(&f->report);
	if (of_use)
		away_begins(&f->away, now_ms());
	if (!f->waiting)
		log_warning("hub: %s; the rules in force stay", why);
	f->waiting = !of_use;
}

static void hub_open(struct enforcer *f, int64_t now)
{
	struct err e = { 0 };

	f->hub_at = now + RETRY_MS;
	f->hub = ctl_client_open(f->options->socket, &e);
	if (f->hub == NULL) {
		if (!f->waiting)
			log_info("hub: %s; waiting for it", e.text);
		f->waiting = true;
		return;
	}
	feed_restart(&f->feed);
	if (!ctl_client_send(f->hub, "subscribe rules", &e))
		hub_lost(f, e.text);
}

static void hub_line(struct enforcer *f, const char *line)
{
	struct err e = { 0 };
	bool settled = f->feed.settled, complete = f->feed.complete;

	if (!feed_line(&f->feed, line, f->backend->epoch(f->kernel), &e) &&
	    f->complaints++ < COMPLAINTS_MAX)
		log_warning("hub: %s", e.text);
	if (f->feed.complete && !complete) {
		f->waiting = false;
		away_ends(&f->away);
		f->complaints = 0;
		f->report_failed[0] = '\0';
		log_info("hub: connected");
	}
	if (f->feed.settled && !settled)
		log_info("hub: settled");
}

/* Lines that were read from the socket and are left over show in no poll(2): `more` is for them. */
static void hub_read(struct enforcer *f)
{
	struct err e = { 0 };
	const char *line;

	f->more = false;
	for (int i = 0; i < LINES_AT_A_TIME; i++)
		switch (ctl_client_line(f->hub, 0, &line, &e)) {
		case CTL_GOT_LINE:
			hub_line(f, line);
			if (!f->feed.broken)
				break;
			hub_lost(f, "its changes are not told one by one");
			return;
		case CTL_GOT_NOTHING:
			return;
		case CTL_GOT_CLOSED:
			hub_lost(f, e.text);
			return;
		}
	f->more = true;
}

/* ---- Reports ------------------------------------------------------------------------------ */

static void report(struct enforcer *f)
{
	struct err e = { 0 };

	if (!f->backend->counters(f->kernel, &f->rules, &e)) {
		report_lost(f, &e);
		return;
	}
	if (f->hub == NULL || !feed_ready(&f->feed))
		return;
	if (report_open(&f->report, f->options->socket, &f->rules, &e) &&
	    report_send(&f->report, &f->rules, f->backend->saved(f->kernel), &f->options->protect,
			&e) &&
	    report_read(&f->report, &e))
		return;
	report_lost(f, &e);
}

/* The hub's question, once all that it told before is in force. */
static void answer(struct enforcer *f)
{
	struct err e = { 0 };
	json_t *said = f->backend->verify(f->kernel, &f->rules, &f->feed.question);

	f->feed.question.id = 0;
	if (!report_open(&f->report, f->options->socket, &f->rules, &e)) {
		json_decref(said);
		report_lost(f, &e);
	} else if (!report_say(&f->report, "verified", said, &e)) {
		report_lost(f, &e);
	}
}

/* ---- The loop ----------------------------------------------------------------------------- */

static void read_signal(struct enforcer *f)
{
	struct signalfd_siginfo s;

	if (read(f->signals, &s, sizeof(s)) == sizeof(s))
		f->signal = (int)s.ssi_signo;
}

static void wait_for_something(struct enforcer *f, int64_t now)
{
	struct pollfd p[4] = {
		{ .fd = f->signals, .events = POLLIN },
		{ .fd = f->hub != NULL ? ctl_client_fd(f->hub) : -1, .events = POLLIN },
		{ .fd = f->report.client != NULL ? ctl_client_fd(f->report.client) : -1,
		  .events = POLLIN },
		{ .fd = f->backend->events(f->kernel), .events = POLLIN },
	};
	int64_t until = f->report_at;

	if (f->hub == NULL && f->hub_at < until)
		until = f->hub_at;
	if (f->more)
		until = now;
	if (poll(p, 4, until > now ? (int)(until - now) : 0) < 0)
		return;
	if (p[0].revents)
		read_signal(f);
	if (p[1].revents || f->more)
		hub_read(f);
	if (p[2].revents) {
		struct err e = { 0 };

		if (!report_read(&f->report, &e))
			report_lost(f, &e);
	}
	if (p[3].revents)
		f->backend->event(f->kernel);
}

static void refresh(struct enforcer *f)
{
	if (!f->backend->refresh(f->kernel))
		return;
	ruleset_each(&f->rules, touch, f);
	f->feed.dirty = true;
}

static void run(struct enforcer *f)
{
	while (f->signal == 0) {
		int64_t now = now_ms();

		if (f->hub == NULL && now >= f->hub_at)
			hub_open(f, now);
		wait_for_something(f, now);
		if (f->hub == NULL)
			away_apply(&f->away, f->options, f->backend, f->kernel, &f->rules,
				   now_ms());
		if (f->feed.dirty && feed_ready(&f->feed))
			put_in_force(f);
		if (f->feed.question.id != 0 && !f->feed.dirty && feed_ready(&f->feed))
			answer(f);
		now = now_ms();
		if (now >= f->report_at) {
			f->report_at = now + REPORT_MS;
			refresh(f);
			report(f);
		}
	}
}

/* ---- Start and end ------------------------------------------------------------------------ */

static bool catch_signals(struct enforcer *f, struct err *e)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	(void)signal(SIGPIPE, SIG_IGN);
	if (sigprocmask(SIG_BLOCK, &set, NULL) == 0)
		f->signals = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	return f->signals >= 0 ? true : err_at(e, 0, 0, "signalfd: %s", strerror(errno));
}

static bool open_backend(struct enforcer *f, const struct backend *b, struct err *e)
{
	uint64_t seed = 0;

	if (getrandom(&seed, sizeof(seed), 0) < 0)
		return err_at(e, 0, 0, "getrandom: %s", strerror(errno));
	ruleset_init(&f->rules, seed);
	f->rules.able = b->able;
	f->backend = b;
	f->kernel = b->open(f->options, &f->rules, e);
	if (f->kernel == NULL) {
		ruleset_done(&f->rules);
		return false;
	}
	feed_found(&f->feed);
	return true;
}

static bool choose_backend(struct enforcer *f, struct err *e)
{
	struct err why = { 0 };

	switch (f->options->backend) {
	case ENFORCE_XDP:
		return open_backend(f, &backend_xdp, e);
	case ENFORCE_NFTABLES:
		return open_backend(f, &backend_nftables, e);
	case ENFORCE_AUTO:
		break;
	}
	if (open_backend(f, &backend_xdp, &why))
		return true;
	log_warning("XDP cannot be had: %s", why.text);
	if (!open_backend(f, &backend_nftables, e))
		return false;
	log_warning("nftables is used");
	return true;
}

/* A kernel without it is no reason to let the rules go. */
static void narrow_syscalls(void)
{
	struct err e = { 0 };

	if (!syscalls_narrow(&e))
		log_warning("%s: no system call is out of reach for this program", e.text);
}

static bool start(struct enforcer *f, struct err *e)
{
	f->feed.rules = &f->rules;
	f->feed.source_count = f->options->source_count;
	f->feed.sources = f->options->sources;
	f->feed.vrf_count = f->options->vrf_count;
	f->feed.vrfs = f->options->vrfs;
	away_begins(&f->away, now_ms());
	report_init(&f->report, f->options);
	return privilege_suffices(e) && privilege_drop(e) && catch_signals(f, e) &&
	       choose_backend(f, e);
}

static void stop(struct enforcer *f)
{
	ctl_client_free(f->hub);
	report_close(&f->report);
	if (f->kernel != NULL) {
		f->backend->close(f->kernel);
		ruleset_done(&f->rules);
	}
	if (f->signals >= 0)
		close(f->signals);
}

int enforce_run(const struct enforce_options *o)
{
	struct enforcer f = { .options = o, .signals = -1 };
	struct err e = { 0 };
	int status = 0;

	if (!start(&f, &e)) {
		log_error("%s", e.text);
		stop(&f);
		return 1;
	}
	narrow_syscalls();
	run(&f);
	log_info("ending; the rules are removed");
	if (!f.backend->remove(f.kernel, &e)) {
		log_error("%s", e.text);
		status = 1;
	}
	stop(&f);
	return status;
}

int enforce_flush(const char *pin_dir)
{
	struct enforce_options o = { .pin_dir = pin_dir };
	struct err e = { 0 };
	int status = 0;

	if (!privilege_suffices(&e) || !privilege_drop(&e)) {
		log_error("%s", e.text);
		return 1;
	}
	for (size_t i = 0; i < sizeof(backends) / sizeof(backends[0]); i++)
		if (!backends[i]->flush(&o, &e)) {
			log_error("%s", e.text);
			status = 1;
		}
	return status;
}
