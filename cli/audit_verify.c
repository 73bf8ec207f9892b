/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cardmux audit verify: everything is computed anew here, from the lines alone; nothing of what the daemon says of them
 * is believed. What only somebody outside can know, the public key and an earlier checkpoint, is compared if given.
 */
#include "cli/audit.h"
#include "cli/table.h"
#include <ctype.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct verify {
    struct audit_source *source;
    struct audit_replay replay;
    bool bad;
    bool has_checkpoint, met; /* one kept elsewhere, and its line in the log */
    struct audit_line checkpoint;
    char checkpoint_text[AUDIT_LINE_MAX];
    size_t checkpoint_len;
    char *part; /* a tenant's part is collected first */
    size_t part_len, part_room;
    bool is_part;
};

static void hex_text(const uint8_t *bytes, size_t len, char *out)
{
    for (size_t i = 0; i < len; i++)
        snprintf(out + 2 * i, 3, "%02x", bytes[i]);
}

static bool key_read(const struct cli *cli, const char *text, uint8_t key[AUDIT_POINT])
{
    char digits[2 * AUDIT_POINT + 1];
    size_t len = 0, file_len = 0;
    char *file = NULL;
    if (strlen(text) != 2 * AUDIT_POINT || strspn(text, "0123456789abcdefABCDEF") != 2 * AUDIT_POINT) {
        file = audit_file(cli, text, &file_len);
        if (!file)
            return false;
    }
    const char *from = file ? file : text;
    for (size_t i = 0; i < (file ? file_len : strlen(text)) && len < 2 * AUDIT_POINT; i++)
        if (isxdigit((unsigned char)from[i]))
            digits[len++] = from[i];
        else if (!isspace((unsigned char)from[i]))
            break;
    digits[len] = '\0';
    free(file);
    for (size_t i = 0; len == 2 * AUDIT_POINT && i < AUDIT_POINT; i++) {
        unsigned byte = 0;
        sscanf(digits + 2 * i, "%2x", &byte);
        key[i] = (uint8_t)byte;
    }
    if (len != 2 * AUDIT_POINT)
        cli_say(cli, "a key has %u hexadecimal digits (cardmux audit key prints it)", 2 * AUDIT_POINT);
    return len == 2 * AUDIT_POINT;
}

static bool part_keep(struct verify *v, const char *line, size_t len)
{
    if (v->part_room - v->part_len < len) {
        size_t room = 2 * v->part_room + len + 65536;
        char *grown = realloc(v->part, room);
        if (!grown) {
            cli_say(v->source->cli, "no memory");
            v->bad = true;
            return false;
        }
        v->part = grown;
        v->part_room = room;
    }
    memcpy(v->part + v->part_len, line, len);
    v->part_len += len;
    return true;
}

static bool verify_line(void *arg, const char *line, size_t len)
{
    struct verify *v = arg;
    if (!v->replay.begun && v->source->file && len > 9 && memcmp(line, "{\"part\":1", 9) == 0)
        v->is_part = true;
    if (v->is_part)
        return part_keep(v, line, len);
    if (!audit_replay_line(&v->replay, line, len)) {
        if (v->replay.begun)
            cli_say(v->source->cli, "NOT GOOD: %s, line %" PRIu64 " (number %" PRIu64 "): %s", v->source->where,
                    v->source->line, v->replay.seq + 1, v->replay.error);
        else
            cli_say(v->source->cli, "NOT GOOD: %s, line %" PRIu64 ": %s", v->source->where, v->source->line,
                    v->replay.error);
        v->bad = true;
        return false;
    }
    if (v->has_checkpoint && v->replay.seq == v->checkpoint.seq)
        v->met = memcmp(v->replay.head, v->checkpoint.chain, AUDIT_HASH) == 0;
    return true;
}

static bool checkpoint_read(struct verify *v, const char *path)
{
    size_t len;
    char *text = audit_file(v->source->cli, path, &len);
    if (!text)
        return false;
    char *end = memchr(text, '\n', len);
    v->checkpoint_len = end ? (size_t)(end - text) : len;
    v->has_checkpoint = v->checkpoint_len < AUDIT_LINE_MAX && audit_parse(text, v->checkpoint_len, &v->checkpoint) &&
                        v->checkpoint.kind == AUDIT_CHECKPOINT;
    if (v->has_checkpoint)
        memcpy(v->checkpoint_text, text, v->checkpoint_len);
    else
        cli_say(v->source->cli, "%s holds no checkpoint", path);
    free(text);
    return v->has_checkpoint;
}

/* Is the store older than, or another one than, what the checkpoint saw? */
static bool vault_holds(const struct verify *v)
{
    const char *was = v->checkpoint.checkpoint.vault;
    const char *now = v->source->vault[0] ? v->source->vault : v->replay.vault;
    uint64_t version_was = strtoull(was, NULL, 10), version_now = strtoull(now, NULL, 10);
    if (!was[0] || !now[0] || version_now > version_was || strcmp(was, now) == 0)
        return true;
    cli_say(v->source->cli,
            "NOT GOOD: the vault is at version %" PRIu64 ", and the checkpoint saw %" PRIu64
            "%s: an older copy of the state directory was put back",
            version_now, version_was, version_now == version_was ? " with other contents" : "");
    return false;
}

static bool checkpoint_holds(const struct verify *v)
{
    const struct audit_checkpoint *c = &v->checkpoint.checkpoint;
    const struct cli *cli = v->source->cli;
    uint64_t seq = v->checkpoint.seq;
    struct audit_key *key = audit_key_public(v->replay.key);
    bool signature = key && audit_signature_holds(key, v->checkpoint_text, v->checkpoint.signed_len, c->signature);
    audit_key_free(key);
    if (!signature || memcmp(c->log, v->replay.log, AUDIT_LOG_ID) != 0)
        cli_say(cli, "NOT GOOD: the checkpoint is of another log%s",
                signature ? "" : ", or its signature does not hold");
    else if (v->replay.seq < seq)
        cli_say(cli,
                "NOT GOOD: the log ends at number %" PRIu64 ", and the checkpoint was made at %" PRIu64
                ": it was cut off, or an older copy of the state directory was put back",
                v->replay.seq, seq);
    else if (v->replay.first_seq > seq)
        cli_say(cli,
                "NOT GOOD: the log here begins at number %" PRIu64 ", behind the checkpoint's %" PRIu64
                ": put the older files beside it",
                v->replay.first_seq, seq);
    else if (!v->met)
        cli_say(cli, "NOT GOOD: at number %" PRIu64 " this log says something else than when the checkpoint was made",
                seq);
    else
        return vault_holds(v);
    return false;
}

static void report(const struct verify *v, const struct audit_check *check)
{
    const struct audit_replay *r = &v->replay;
    char key[2 * AUDIT_POINT + 1], log[2 * AUDIT_LOG_ID + 1];
    hex_text(r->key, AUDIT_POINT, key);
    hex_text(r->log, AUDIT_LOG_ID, log);
    if (check->json) {
        json_t *json = json_pack("{s:b s:s s:s s:I s:I s:I s:I s:I s:I s:b s:b}", "ok", 1, "log", log, "key", key,
                                 "first", (json_int_t)r->first_seq, "last", (json_int_t)r->seq, "entries",
                                 (json_int_t)r->entries, "checkpoints", (json_int_t)r->checkpoints, "signed_to",
                                 (json_int_t)r->checkpoint_seq, "unsigned", (json_int_t)(r->seq - r->checkpoint_seq),
                                 "key_compared", check->key != NULL, "checkpoint_compared", check->checkpoint != NULL);
        json_print(json);
        json_decref(json);
        return;
    }
    printf("good: numbers %" PRIu64 " to %" PRIu64 ", %" PRIu64 " entries, %" PRIu64 " checkpoints\n", r->first_seq,
           r->seq, r->entries, r->checkpoints);
    if (r->checkpoint_seq)
        printf("signed up to number %" PRIu64 "; %" PRIu64 " lines behind it are chained, not signed yet\n",
               r->checkpoint_seq, r->seq - r->checkpoint_seq);
    else
        printf("no checkpoint yet: nothing of it is signed\n");
    if (r->first_seq > 1)
        printf("older files are not here: what stands before number %" PRIu64 " was not looked at\n", r->first_seq);
    if (check->checkpoint)
        printf("it holds the checkpoint of number %" PRIu64 "\n", v->checkpoint.seq);
    printf(check->key ? "signed under the key that was given\n"
                      : "signed under this key (is it the one you keep? --key compares):\n%s\n",
           key);
}

static enum cli_status verify_part(const struct verify *v, const struct audit_check *check, const uint8_t *key)
{
    struct audit_part_result result;
    char hex[2 * AUDIT_POINT + 1];
    const struct cli *cli = v->source->cli;
    if (!audit_part_verify(v->part, v->part_len, key, &result)) {
        cli_say(cli, "NOT GOOD: %s, line %" PRIu64 ": %s", v->source->where, result.line, result.error);
        return CLI_FAILED;
    }
    hex_text(result.part.key, AUDIT_POINT, hex);
    if (check->json) {
        json_t *json = json_pack("{s:b s:s s:s s:I s:I s:I s:I s:b}", "ok", 1, "tenant", result.tenant, "key", hex,
                                 "tenant_id", (json_int_t)result.part.end.id, "entries", (json_int_t)result.entries,
                                 "from", (json_int_t)(result.part.start.n + 1), "checkpoint",
                                 (json_int_t)result.checkpoint.seq, "key_compared", key != NULL);
        json_print(json);
        json_decref(json);
        return CLI_DONE;
    }
    printf("good: all %" PRIu64 " entries of tenant %s (id %u) from its entry %" PRIu64
           " to the checkpoint, number %" PRIu64 "\n",
           result.entries, result.tenant, result.part.end.id, result.part.start.n + 1, result.checkpoint.seq);
    printf(key ? "signed under the key that was given\n"
               : "signed under this key (is it the one you keep? --key compares):\n%s\n",
           hex);
    return CLI_DONE;
}

enum cli_status audit_verify(struct audit_source *source, const struct audit_check *check)
{
    struct verify v = {.source = source};
    uint8_t key[AUDIT_POINT];
    enum cli_status status = CLI_FAILED;
    audit_replay_init(&v.replay);
    v.replay.signatures = true;
    if ((check->checkpoint && !checkpoint_read(&v, check->checkpoint)) ||
        (check->key && !key_read(source->cli, check->key, key)))
        goto end;
    if (check->key) {
        memcpy(v.replay.key, key, AUDIT_POINT);
        v.replay.any_key = false;
    }
    if (!audit_lines(source, verify_line, &v) || v.bad)
        goto end;
    if (v.is_part) {
        status = verify_part(&v, check, check->key ? key : NULL);
    } else if (!audit_replay_whole(&v.replay)) {
        cli_say(source->cli, "NOT GOOD: %s", v.replay.error);
    } else if (!check->checkpoint || checkpoint_holds(&v)) {
        report(&v, check);
        status = CLI_DONE;
    }
end:
    audit_replay_free(&v.replay);
    free(v.part);
    return status;
}
