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
#include "enforce/attach.h"
#include "enforce/away.h"
#include "enforce/feed.h"
#include "enforce/locals.h"
#include "enforce/pins.h"
#include "enforce/privilege.h"
#include "enforce/protect.h"
#include "enforce/report.h"
#include "enforce/ruleset.h"
#include "enforce/verify.h"
#include "enforce/xdp.h"

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
	struct pins pins;
	struct xdp *xdp;
	struct attach attach;
	struct locals locals;
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

static void put_in_force(struct enforcer *f)
{
	bool room = makes_room(f);
	size_t n = f->rules.touched_count, left = 0;
	struct err e = { 0 };

	if (!xdp_change(f->xdp, f->rules.touched, n, &e))
		log_error("%s", e.text);
	else if (f->feed.settled)
		xdp_epoch_set(f->xdp, f->feed.epoch);
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
	log_debug("%zu rules in force", xdp_in_force(f->xdp));
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

	if (!feed_line(&f->feed, line, xdp_epoch(f->xdp), &e) && f->complaints++ < COMPLAINTS_MAX)
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

static void read_counters(struct rule *r, void *ctx)
{
	const struct enforcer *f = ctx;

	if (r->slot >= 0)
		r->now = *xdp_counted(f->xdp, r->slot);
}

static void report(struct enforcer *f)
{
	struct err e = { 0 };

	if (!xdp_counters_read(f->xdp, &e)) {
		report_lost(f, &e);
		return;
	}
	ruleset_each(&f->rules, read_counters, f);
	if (f->hub == NULL || !feed_ready(&f->feed))
		return;
	if (report_open(&f->report, f->options->socket, &f->rules, &e) &&
	    report_send(&f->report, &f->rules, f->xdp, &f->options->protect, &e) &&
	    report_read(&f->report, &e))
		return;
	report_lost(f, &e);
}

/* The hub's question, once all that it told before is in force. */
static void answer(struct enforcer *f)
{
	struct err e = { 0 };
	json_t *said = verify_answer(f->xdp, &f->rules, &f->feed.question);

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

/* What could not be learnt is asked for again with the next event. */
static void refresh_locals(struct enforcer *f)
{
	struct err e = { 0 };

	if (!locals_refresh(&f->locals, f->xdp, &e))
		log_warning("%s", e.text);
}

static void wait_for_something(struct enforcer *f, int64_t now)
{
	struct pollfd p[4] = {
		{ .fd = f->signals, .events = POLLIN },
		{ .fd = f->hub != NULL ? ctl_client_fd(f->hub) : -1, .events = POLLIN },
		{ .fd = f->report.client != NULL ? ctl_client_fd(f->report.client) : -1,
		  .events = POLLIN },
		{ .fd = f->locals.fd, .events = POLLIN },
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
		refresh_locals(f);
}

static void run(struct enforcer *f)
{
	while (f->signal == 0) {
		int64_t now = now_ms();

		if (f->hub == NULL && now >= f->hub_at)
			hub_open(f, now);
		wait_for_something(f, now);
		if (f->hub == NULL)
			away_apply(&f->away, f->options, f->xdp, &f->rules, now_ms());
		if (f->feed.dirty && feed_ready(&f->feed))
			put_in_force(f);
		if (f->feed.question.id != 0 && !f->feed.dirty && feed_ready(&f->feed))
			answer(f);
		now = now_ms();
		if (now >= f->report_at) {
			f->report_at = now + REPORT_MS;
			attach_refresh(&f->attach);
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

/* Leaves what was there before us. */
static bool failed(struct enforcer *f)
{
	if (!xdp_found(f->xdp))
		(void)pins_remove(&f->pins, NULL);
	return false;
}

static bool start(struct enforcer *f, const char *dir, struct err *e)
{
	uint64_t seed = 0;
	bool found;

	if (getrandom(&seed, sizeof(seed), 0) < 0)
		return err_at(e, 0, 0, "getrandom: %s", strerror(errno));
	ruleset_init(&f->rules, seed);
	f->feed.rules = &f->rules;
	f->feed.source_count = f->options->source_count;
	f->feed.sources = f->options->sources;
	away_begins(&f->away, now_ms());
	report_init(&f->report, f->options);
	if (!privilege_suffices(e) || !privilege_drop(e) || !catch_signals(f, e) ||
	    !pins_open(&f->pins, dir, e))
		return false;
	f->xdp = xdp_open(NULL, &f->pins, e);
	if (f->xdp == NULL)
		return false;
	found = xdp_found(f->xdp);
	if (found && !xdp_restore(f->xdp, &f->rules, e))
		return false;
	feed_found(&f->feed);
	if (found)
		log_info("%zu rules are still in the kernel", f->rules.map.count);
	xdp_monitor_set(f->xdp, f->options->monitor);
	if (!protect_set(f->xdp, &f->options->protect, e) || !locals_open(&f->locals, f->xdp, e))
		return failed(f);
	f->attach.options = f->options;
	f->attach.pins = &f->pins;
	f->attach.xdp = f->xdp;
	f->attach.program = xdp_program(f->xdp);
	return attach_start(&f->attach, e) || failed(f);
}

static void stop(struct enforcer *f)
{
	ctl_client_free(f->hub);
	report_close(&f->report);
	attach_done(&f->attach);
	locals_close(&f->locals);
	xdp_free(f->xdp);
	ruleset_done(&f->rules);
	pins_close(&f->pins);
	if (f->signals >= 0)
		close(f->signals);
}

static const char *pin_dir(const char *given)
{
	return given != NULL ? given : ENFORCE_PIN_DIR_DEFAULT;
}

int enforce_run(const struct enforce_options *o)
{
	struct enforcer f = { .options = o, .signals = -1, .pins.fd = -1, .locals.fd = -1 };
	struct err e = { 0 };
	int status = 0;

	if (!start(&f, pin_dir(o->pin_dir), &e)) {
		log_error("%s", e.text);
		stop(&f);
		return 1;
	}
	run(&f);
	log_info("ending; the rules are removed");
	if (!pins_remove(&f.pins, &e)) {
		log_error("%s", e.text);
		status = 1;
	}
	stop(&f);
	return status;
}

int enforce_flush(const char *dir)
{
	struct pins p = { .fd = -1 };
	struct err e = { 0 };
	bool ok;

	if (access(pin_dir(dir), F_OK) < 0 && errno == ENOENT)
		return 0;
	ok = privilege_suffices(&e) && privilege_drop(&e) && pins_open(&p, pin_dir(dir), &e) &&
	     pins_remove(&p, &e);
	if (!ok)
		log_error("%s", e.text);
	pins_close(&p);
	return ok ? 0 : 1;
}
