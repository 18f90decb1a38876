/* SPDX-License-Identifier: ISC */
/* log.h - what programs say to the operator: one line a happening on standard error,
 * the subject first: "peer 192.0.2.1: hold timer expired".  The time (UTC, RFC 3339) stands in
 * front, unless the environment names JOURNAL_STREAM: systemd notes its own.  Libraries do not log.
 */
#ifndef BASE_LOG_H
#define BASE_LOG_H

enum log_level {
	LOG_LEVEL_ERROR,
	LOG_LEVEL_WARNING,
	LOG_LEVEL_INFO,
	LOG_LEVEL_DEBUG
};

/* Lines above this level are dropped; LOG_LEVEL_INFO at first. */
void log_level_set(enum log_level level);
void log_error(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
void log_warning(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
void log_info(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
void log_debug(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

#endif
