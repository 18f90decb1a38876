/* SPDX-License-Identifier: ISC */
/* xdp.c - loads the program, and keeps its maps by the invariants of xdp_maps.h.
 *
 * A slot or action is FREE, IN_USE (an order in force names it) or LEAVING: the last change took it
 * out, and packets that came before may still look at it.  A grace period makes LEAVING FREE.
 * There are twice as many slots as rules, so that a change finds enough of them after at most one.
 * Generations of the order work the same way: with XDP_GENERATIONS of them a grace period is due
 * once in as many changes.
 *
 * The kernel has one wait that says what it waits for: an update of a map of maps returns when
 * all programs that might use the old map have ended.  One such map is kept for nothing else.
 */
#include "enforce/xdp.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "xdp.skel.h"

const char *const xdp_map_names[XDP_MAPS] = {
	[XDP_MAP_CONTROL] = "hg_control",   [XDP_MAP_ORDER] = "hg_order",
	[XDP_MAP_RULES] = "hg_rules",       [XDP_MAP_THENS] = "hg_actions",
	[XDP_MAP_COUNTERS] = "hg_counters", [XDP_MAP_NLRI] = "hg_nlri",
};

enum entry_state {
	ENTRY_FREE,
	ENTRY_IN_USE,
	ENTRY_LEAVING,
	ENTRY_NEW /* taken by a change that is not yet in force */
};

struct xdp {
	struct bpf_object *object;
	int program;
	int map[XDP_MAPS];
	bool found;
	struct xdp_control *control; /* the kernel's own, mapped */
	int wait_outer, wait_inner;
	int cpus;
	unsigned changes;                           /* since the last grace period */
	uint8_t slot[XDP_SLOTS], then[XDP_ACTIONS]; /* enum entry_state */
	struct xdp_counters *per_cpu;
	struct xdp_order order; /* room for the one being written */
};

/* ---- Loading -------------------------------------------------------------------------- */

static int quiet(enum libbpf_print_level level, const char *fmt, va_list ap)
{
	(void)level;
	(void)fmt;
	(void)ap;
	return 0;
}

static const struct {
	enum bpf_func_id id;
	const char *name, *since;
} needed[] = {
	{ BPF_FUNC_ktime_get_coarse_ns, "bpf_ktime_get_coarse_ns", "5.11" },
	{ BPF_FUNC_xdp_get_buff_len, "bpf_xdp_get_buff_len", "5.18" },
};

/* Why the kernel would not take the program, as well as we can tell. */
static bool load_failed(int error, const char *verifier, struct err *e)
{
	const char *last = verifier;

	if (error == EPERM || error == EACCES)
		if (*verifier == '\0')
			return err_at(e, 0, 0,
				      "no right to load a BPF program (CAP_BPF, CAP_NET_ADMIN)");
	for (size_t i = 0; i < sizeof(needed) / sizeof(needed[0]); i++)
		if (libbpf_probe_bpf_helper(BPF_PROG_TYPE_XDP, needed[i].id, NULL) == 0)
			return err_at(e, 0, 0, "this kernel has no %s, which came with Linux %s",
				      needed[i].name, needed[i].since);
	/* The verifier's reason is the line before its statistics. */
	for (const char *s = verifier; s != NULL && *s != '\0'; s = strchr(s, '\n'), s += s != NULL)
		if (strncmp(s, "verification time", 17) == 0 || strncmp(s, "processed", 9) == 0)
			break;
		else
			last = s;
	return err_at(e, 0, 0, "the kernel refuses the XDP program: %s; its verifier says: %.*s",
		      strerror(error), (int)strcspn(last, "\n"), *last != '\0' ? last : "nothing");
}

static bool load_object(struct xdp *x, struct err *e)
{
	enum {
		LOG_SIZE = 64 * 1024
	};
	struct bpf_program *program = bpf_object__find_program_by_name(x->object, "headgate");
	char *verifier = calloc(1, LOG_SIZE);
	int rc;
	bool ok;

	if (program == NULL || verifier == NULL) {
		free(verifier);
		return err_at(e, 0, 0, "the XDP program is damaged");
	}
	(void)bpf_program__set_log_buf(program, verifier, LOG_SIZE);
	rc = bpf_object__load(x->object);
	ok = rc == 0 || load_failed(-rc, verifier, e);
	free(verifier);
	x->program = bpf_program__fd(program);
	return ok;
}

/* Puts a pinned map in the place of the object's own, if they are of one kind. */
static bool reuse_map(const struct pins *pins, struct bpf_map *map, struct err *e)
{
	char path[PINS_PATH_MAX];
	struct bpf_map_info info = { 0 };
	__u32 len = sizeof(info);
	int fd = bpf_obj_get(pins_path(pins, bpf_map__name(map), path));
	bool ok;

	if (fd < 0)
		return err_at(e, 0, 0,
			      "%s: %s; headgate-enforce --flush takes away what is left there, "
			      "with the rules in it",
			      path, strerror(errno));
	ok = bpf_obj_get_info_by_fd(fd, &info, &len) == 0 && info.type == bpf_map__type(map) &&
	     info.key_size == bpf_map__key_size(map) &&
	     info.value_size == bpf_map__value_size(map) &&
	     info.max_entries == bpf_map__max_entries(map) && bpf_map__reuse_fd(map, fd) == 0;
	close(fd);
	return ok || err_at(e, 0, 0,
			    "%s was left by another version of headgate-enforce; "
			    "headgate-enforce --flush takes it away, with the rules in it",
			    path);
}

static bool pinned_layout(const char *path, uint32_t *ret)
{
	struct bpf_map_info info = { 0 };
	__u32 len = sizeof(info), zero = 0;
	int fd = bpf_obj_get(path);
	char *value = NULL;
	bool ok = false;

	if (fd < 0)
		return false;
	if (bpf_obj_get_info_by_fd(fd, &info, &len) == 0 && info.value_size >= sizeof(*ret))
		value = calloc(1, info.value_size);
	if (value != NULL && bpf_map_lookup_elem(fd, &zero, value) == 0) {
		memcpy(ret, value, sizeof(*ret));
		ok = true;
	}
	free(value);
	close(fd);
	return ok;
}

/* Decides between pinned maps and new ones. */
static bool find_pins(struct xdp *x, const struct pins *pins, struct err *e)
{
	char path[PINS_PATH_MAX];
	struct bpf_map *map;
	uint32_t layout = 0;

	pins_path(pins, xdp_map_names[XDP_MAP_CONTROL], path);
	if (access(path, F_OK) < 0)
		return true;
	if (!pinned_layout(path, &layout))
		return err_at(e, 0, 0, "%s: cannot be read: %s", path, strerror(errno));
	if (layout != XDP_LAYOUT)
		return err_at(e, 0, 0,
			      "%s has layout %u and this is for %d: left by another version; "
			      "headgate-enforce --flush takes it away, with the rules in it",
			      pins->dir, layout, XDP_LAYOUT);
	x->found = true;
	bpf_object__for_each_map(map, x->object) if (!reuse_map(pins, map, e)) return false;
	return true;
}

static bool find_maps(struct xdp *x, struct err *e)
{
	for (int m = 0; m < XDP_MAPS; m++) {
		x->map[m] = bpf_object__find_map_fd_by_name(x->object, xdp_map_names[m]);
		if (x->map[m] < 0)
			return err_at(e, 0, 0, "the XDP program has no map %s", xdp_map_names[m]);
	}
	x->control = mmap(NULL, sizeof(*x->control), PROT_READ | PROT_WRITE, MAP_SHARED,
			  x->map[XDP_MAP_CONTROL], 0);
	if (x->control == MAP_FAILED) {
		x->control = NULL;
		return err_at(e, 0, 0, "cannot map %s: %s", xdp_map_names[XDP_MAP_CONTROL],
			      strerror(errno));
	}
	if (!x->found)
		x->control->layout = XDP_LAYOUT;
	x->cpus = libbpf_num_possible_cpus();
	x->per_cpu = calloc(x->cpus > 0 ? (size_t)x->cpus : 1, sizeof(*x->per_cpu));
	return x->cpus > 0 && x->per_cpu != NULL ? true : err_at(e, 0, 0, "cannot count the CPUs");
}

static bool pin_maps(struct xdp *x, const struct pins *pins, struct err *e)
{
	char path[PINS_PATH_MAX];

	for (int m = XDP_MAPS - 1; m >= 0; m--) {
		pins_path(pins, xdp_map_names[m], path);
		/* Left by one that ended before it had pinned control; nobody uses it. */
		(void)unlink(path);
		if (bpf_obj_pin(x->map[m], path) < 0)
			return err_at(e, 0, 0, "%s: cannot pin it: %s", path, strerror(errno));
	}
	return true;
}

static bool wait_maps(struct xdp *x, struct err *e)
{
	LIBBPF_OPTS(bpf_map_create_opts, opts);

	x->wait_inner = bpf_map_create(BPF_MAP_TYPE_ARRAY, "hg_wait", 4, 4, 1, &opts);
	opts.inner_map_fd = (__u32)x->wait_inner;
	if (x->wait_inner >= 0)
		x->wait_outer =
			bpf_map_create(BPF_MAP_TYPE_ARRAY_OF_MAPS, "hg_waits", 4, 4, 1, &opts);
	if (x->wait_outer < 0)
		return err_at(e, 0, 0, "cannot make a map of maps: %s", strerror(errno));
	return true;
}

static bool open_parts(struct xdp *x, const struct pins *pins, struct err *e)
{
	if (pins != NULL && !find_pins(x, pins, e))
		return false;
	if (!load_object(x, e) || !find_maps(x, e) || !wait_maps(x, e))
		return false;
	return pins == NULL || x->found || pin_maps(x, pins, e);
}

struct xdp *xdp_open(const struct xdp_image *image, const struct pins *pins, struct err *e)
{
	struct xdp *x = calloc(1, sizeof(*x));
	struct xdp_image built_in;

	if (x == NULL) {
		err_at(e, 0, 0, "out of memory");
		return NULL;
	}
	x->program = x->wait_outer = x->wait_inner = -1;
	if (image == NULL) {
		built_in.octets = xdp_bpf__elf_bytes(&built_in.size);
		image = &built_in;
	}
	libbpf_set_print(quiet);
	x->object = bpf_object__open_mem(image->octets, image->size, NULL);
	if (x->object == NULL)
		err_at(e, 0, 0, "the XDP program is damaged: %s", strerror(errno));
	else if (open_parts(x, pins, e))
		return x;
	xdp_free(x);
	return NULL;
}

void xdp_free(struct xdp *x)
{
	if (x == NULL)
		return;
	if (x->control != NULL)
		munmap(x->control, sizeof(*x->control));
	if (x->wait_outer >= 0)
		close(x->wait_outer);
	if (x->wait_inner >= 0)
		close(x->wait_inner);
	bpf_object__close(x->object);
	free(x->per_cpu);
	free(x);
}

int xdp_program(const struct xdp *x)
{
	return x->program;
}

bool xdp_found(const struct xdp *x)
{
	return x->found;
}

/* ---- What is there -------------------------------------------------------------------- */

static bool lookup(const struct xdp *x, enum xdp_map m, uint32_t key, void *value, struct err *e)
{
	if (bpf_map_lookup_elem(x->map[m], &key, value) == 0)
		return true;
	return err_at(e, 0, 0, "%s[%u]: %s", xdp_map_names[m], key, strerror(errno));
}

static bool update(const struct xdp *x, enum xdp_map m, uint32_t key, const void *value,
		   struct err *e)
{
	if (bpf_map_update_elem(x->map[m], &key, value, BPF_ANY) == 0)
		return true;
	return err_at(e, 0, 0, "%s[%u]: %s", xdp_map_names[m], key, strerror(errno));
}

static bool restore_one(struct xdp *x, const struct xdp_order_entry *o, struct xdp_nlri *room,
			struct ruleset *rs, struct err *e)
{
	struct xdp_then then;
	struct flow_nlri n;
	struct rule *r;

	if (o->slot >= XDP_SLOTS || o->action >= XDP_ACTIONS || x->slot[o->slot] != ENTRY_FREE ||
	    x->then[o->action] != ENTRY_FREE)
		return err_at(e, 0, 0, "the pinned maps contradict each other");
	if (!lookup(x, XDP_MAP_NLRI, o->slot, room, e) ||
	    !lookup(x, XDP_MAP_THENS, o->action, &then, e))
		return false;
	n = (struct flow_nlri){ .family = room->family == XDP_IPV6 ? FLOW_IPV6 : FLOW_IPV4,
				.octets = room->octets,
				.len = room->len };
	if (room->len > XDP_NLRI_MAX || !flow_nlri_check(&n, NULL))
		return err_at(e, 0, 0, "the pinned rule in slot %u is damaged", o->slot);
	r = ruleset_need(rs, &n);
	if (r == NULL || r->slot >= 0)
		return err_at(e, 0, 0, "the pinned rule in slot %u cannot be had", o->slot);
	r->slot = o->slot;
	r->action = o->action;
	r->wanted = r->then_ok = true;
	r->state = x->control->monitor ? RULE_MONITOR : RULE_ENFORCED;
	plan_then_read(&then, &r->installed);
	r->then = r->installed;
	x->slot[o->slot] = x->then[o->action] = ENTRY_IN_USE;
	return true;
}

bool xdp_restore(struct xdp *x, struct ruleset *rs, struct err *e)
{
	struct xdp_nlri *room = malloc(sizeof(*room));
	bool ok;

	if (room == NULL)
		return err_at(e, 0, 0, "out of memory");
	ok = lookup(x, XDP_MAP_ORDER, x->control->active % XDP_GENERATIONS, &x->order, e);
	if (ok && x->order.count > XDP_RULES_MAX)
		ok = err_at(e, 0, 0, "the pinned order is damaged");
	for (uint32_t i = 0; ok && i < x->order.count; i++)
		ok = restore_one(x, &x->order.entry[i], room, rs, e);
	free(room);
	return ok && xdp_grace(x, e);
}

bool xdp_counters(const struct xdp *x, int slot, struct xdp_counters *ret)
{
	uint32_t key = (uint32_t)slot;
	struct xdp_counters sum = { 0 };

	if (bpf_map_lookup_elem(x->map[XDP_MAP_COUNTERS], &key, x->per_cpu) < 0)
		return false;
	for (int i = 0; i < x->cpus; i++) {
		sum.packets += x->per_cpu[i].packets;
		sum.octets += x->per_cpu[i].octets;
		sum.dropped_packets += x->per_cpu[i].dropped_packets;
		sum.dropped_octets += x->per_cpu[i].dropped_octets;
	}
	*ret = sum;
	return true;
}

void xdp_monitor_set(struct xdp *x, bool monitor)
{
	x->control->monitor = monitor;
}

const char *xdp_epoch(const struct xdp *x)
{
	x->control->epoch[XDP_EPOCH_MAX - 1] = '\0';
	return x->control->epoch;
}

void xdp_epoch_set(struct xdp *x, const char *epoch)
{
	(void)snprintf(x->control->epoch, XDP_EPOCH_MAX, "%s", epoch);
}

/* ---- Changing it ---------------------------------------------------------------------- */

static void set_all(uint8_t *state, size_t n, enum entry_state from, enum entry_state to)
{
	for (size_t i = 0; i < n; i++)
		if (state[i] == from)
			state[i] = (uint8_t)to;
}

bool xdp_grace(struct xdp *x, struct err *e)
{
	uint32_t zero = 0;

	if (bpf_map_update_elem(x->wait_outer, &zero, &x->wait_inner, BPF_ANY) < 0)
		return err_at(e, 0, 0, "cannot wait for packets under way: %s", strerror(errno));
	x->changes = 0;
	set_all(x->slot, XDP_SLOTS, ENTRY_LEAVING, ENTRY_FREE);
	set_all(x->then, XDP_ACTIONS, ENTRY_LEAVING, ENTRY_FREE);
	return true;
}

/* The first free entry from *from on, now NEW; n when there is none. */
static size_t take_entry(uint8_t *state, size_t n, size_t *from)
{
	size_t i = *from;

	while (i < n && state[i] != ENTRY_FREE)
		i++;
	*from = i;
	if (i < n)
		state[i] = ENTRY_NEW;
	return i;
}

static size_t count_free(const uint8_t *state, size_t n)
{
	size_t count = 0;

	for (size_t i = 0; i < n; i++)
		count += state[i] == ENTRY_FREE;
	return count;
}

static bool write_slot(struct xdp *x, const struct rule *r, uint32_t slot, struct err *e)
{
	struct xdp_rule rule;
	struct xdp_nlri nlri = {
		.family = r->nlri.family == FLOW_IPV6 ? XDP_IPV6 : XDP_IPV4,
		.len = (uint16_t)r->nlri.len,
	};

	if (r->nlri.len > XDP_NLRI_MAX || !plan_rule_make(&r->nlri, &rule, e))
		return false;
	memcpy(nlri.octets, r->nlri.octets, r->nlri.len);
	memset(x->per_cpu, 0, (size_t)x->cpus * sizeof(*x->per_cpu));
	return update(x, XDP_MAP_RULES, slot, &rule, e) &&
	       update(x, XDP_MAP_NLRI, slot, &nlri, e) &&
	       update(x, XDP_MAP_COUNTERS, slot, x->per_cpu, e);
}

static bool same_then(const struct rule *r)
{
	return r->action >= 0 && plan_then_equal(&r->then, &r->installed);
}

/* Writes what is new of the list into free entries, and the order into x->order. */
static bool write_entries(struct xdp *x, struct rule *const *list, size_t n, struct err *e)
{
	size_t slot_from = 0, then_from = 0;

	x->order.count = (uint32_t)n;
	for (size_t i = 0; i < n; i++) {
		struct xdp_order_entry *o = &x->order.entry[i];
		struct xdp_then then;

		o->slot = (uint16_t)list[i]->slot;
		o->action = (uint16_t)list[i]->action;
		if (list[i]->slot < 0) {
			o->slot = (uint16_t)take_entry(x->slot, XDP_SLOTS, &slot_from);
			if (!write_slot(x, list[i], o->slot, e))
				return false;
		}
		if (!same_then(list[i])) {
			o->action = (uint16_t)take_entry(x->then, XDP_ACTIONS, &then_from);
			plan_then_write(&list[i]->then, &then);
			if (!update(x, XDP_MAP_THENS, o->action, &then, e))
				return false;
		}
	}
	return true;
}

/* The new order is in force: what it does not name leaves. */
static void settle_entries(struct xdp *x, struct rule *const *list, size_t n)
{
	set_all(x->slot, XDP_SLOTS, ENTRY_IN_USE, ENTRY_LEAVING);
	set_all(x->then, XDP_ACTIONS, ENTRY_IN_USE, ENTRY_LEAVING);
	for (size_t i = 0; i < n; i++) {
		const struct xdp_order_entry *o = &x->order.entry[i];

		x->slot[o->slot] = x->then[o->action] = ENTRY_IN_USE;
		list[i]->slot = o->slot;
		list[i]->action = o->action;
		list[i]->installed = list[i]->then;
	}
}

static bool make_room(struct xdp *x, struct rule *const *list, size_t n, struct err *e)
{
	size_t slots = 0, thens = 0;

	for (size_t i = 0; i < n; i++) {
		slots += list[i]->slot < 0;
		thens += !same_then(list[i]);
	}
	if (x->changes < XDP_GENERATIONS - 1 && count_free(x->slot, XDP_SLOTS) >= slots &&
	    count_free(x->then, XDP_ACTIONS) >= thens)
		return true;
	return xdp_grace(x, e);
}

bool xdp_apply(struct xdp *x, struct rule *const *list, size_t n, struct err *e)
{
	uint32_t next = (x->control->active + 1) % XDP_GENERATIONS;

	if (n > XDP_RULES_MAX)
		return err_at(e, 0, 0, "more than %d rules", XDP_RULES_MAX);
	if (!make_room(x, list, n, e))
		return false;
	if (!write_entries(x, list, n, e) || !update(x, XDP_MAP_ORDER, next, &x->order, e)) {
		set_all(x->slot, XDP_SLOTS, ENTRY_NEW, ENTRY_FREE);
		set_all(x->then, XDP_ACTIONS, ENTRY_NEW, ENTRY_FREE);
		return false;
	}
	__atomic_store_n(&x->control->active, next, __ATOMIC_RELEASE);
	x->changes++;
	settle_entries(x, list, n);
	return true;
}
