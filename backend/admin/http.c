/* SPDX-License-Identifier: Apache-2.0 */
/*
 * http.c: HTTP requests become messages for the broker, rows and results become JSON.
 *
 * libmicrohttpd runs in external epoll mode on the admin process's only thread; no handler blocks. One `struct
 * exchange` per request goes through these stages:
 *
 *   READING   the body arrives in pieces and is collected, up to BODY_MAX. What is longer is read and thrown away, so
 *             that the peer sees the refusal and not a broken connection
 *   WAITING   the request is with the link (link.h), the connection suspended: libmicrohttpd does not look at it
 *   READY     the answer stands in the exchange; the connection was resumed and sends it
 *
 * A request that is refused here (route, body, peer) goes from READING to READY. The link always ends a request
 * (answer, death of the broker, its time), so a suspended connection is always resumed. A peer that hangs up while
 * WAITING is noticed afterwards; its change is done all the same.
 *
 * Who asks is looked at twice. At accept, since the socket is open to every local user: those without any role get a
 * few connections at a time, enough to be told so, and cannot take the others'. And at each request, when the route is
 * known: its row says which roles may.
 *
 * Secrets: an access code can stand in a body. It is wiped in libmicrohttpd's buffer as it is taken out of it, in the
 * exchange's buffer once parsed, in jansson's memory by wipe_alloc.h and in the message by the link.
 */
#include "backend/admin/http.h"
#include "backend/admin/render.h"
#include "backend/admin/route.h"
#include "backend/admin/wipe_alloc.h"
#include <microhttpd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#define CONNECTION_MEMORY 32768u /* request line, headers and a read buffer */
#define IDLE_SECONDS      15u
#define LENGTH_REFUSED    (16u << 20) /* announced bodies longer than this are not even read */
#define ROWS_MAX          100000u
#define HTTP_ACCEPTS      64u /* connections taken at a time; epoll tells of the rest at once */

struct http {
    struct MHD_Daemon *daemon;
    struct link *link;
    const struct peer_rule *rule;
    int listen_fd;
    int epoll_fd;                    /* libmicrohttpd's and the listening socket */
    unsigned connections, strangers; /* open ones; those of peers without any role */
    bool deaf;                       /* HTTP_CONNECTIONS are open: the listening socket is not looked at */
};

enum stage {
    STAGE_READING,
    STAGE_WAITING,
    STAGE_READY,
};

struct exchange {
    struct link_request request; /* first: the link's callbacks cast it back */
    struct http *http;
    struct MHD_Connection *connection;
    enum stage stage;
    const struct route *route;
    char *body;
    size_t body_len;
    bool too_long, no_memory;
    bool denied; /* by role: the broker records it, then `refusal` is the answer */
    char refusal[VAULT_ERROR_TEXT];
    json_t *rows; /* array */
    unsigned http_status;
    json_t *answer; /* NULL: no content */
    char allow[64];
    char location[64];
};

uint64_t http_now_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

static void exchange_free(struct exchange *ex)
{
    if (ex->body)
        explicit_bzero(ex->body, BODY_MAX);
    free(ex->body);
    json_decref(ex->rows);
    json_decref(ex->answer);
    explicit_bzero(&ex->request.message, sizeof ex->request.message);
    free(ex);
}

static void refuse(struct exchange *ex, unsigned http_status, const char *code, const char *message)
{
    ex->stage = STAGE_READY;
    ex->http_status = http_status;
    ex->answer = render_error(code, message);
}

static json_t *joined(json_t *rows)
{
    size_t i, len = 0, used = 0;
    json_t *row, *text = NULL;
    json_array_foreach(rows, i, row) len += json_string_length(row);
    char *bytes = malloc(len + 1);
    if (!bytes)
        return NULL;
    json_array_foreach(rows, i, row)
    {
        memcpy(bytes + used, json_string_value(row), json_string_length(row));
        used += json_string_length(row);
    }
    text = json_pack("{s:o}", "text", json_stringn(bytes, used));
    free(bytes);
    return text;
}

/* {"tenants": [...]} and its like, or the one row itself. */
static void accept_rows(struct exchange *ex)
{
    static const char *const lists[] = {[ANSWER_TENANTS] = "tenants", [ANSWER_KEYS] = "keys", [ANSWER_FILES] = "files"};
    ex->http_status = ex->route->http_status;
    switch (ex->route->answer) {
    case ANSWER_TENANTS:
    case ANSWER_KEYS:
    case ANSWER_FILES:
        ex->answer = json_pack("{s:O}", lists[ex->route->answer], ex->rows);
        return;
    case ANSWER_TENANT:
    case ANSWER_KEY:
    case ANSWER_STATUS:
    case ANSWER_AUDIT:
    case ANSWER_VAULT:
        ex->answer = json_incref(json_array_get(ex->rows, 0));
        if (!ex->answer)
            refuse(ex, 500, "failed", "the broker's answer is incomplete; the request itself was done");
        return;
    case ANSWER_OPERATIONS:
        ex->answer = json_pack("{s:o}", "operations", render_operations());
        return;
    case ANSWER_AUDIT_BYTES:
        ex->answer = joined(ex->rows);
        return;
    case ANSWER_NONE:
        return;
    }
}

static void on_row(struct link_request *request, const struct admin_message *row)
{
    struct exchange *ex = (struct exchange *)request;
    json_t *json = NULL;
    if (!ex->route || json_array_size(ex->rows) >= ROWS_MAX)
        return;
    switch (ex->route->answer) {
    case ANSWER_TENANT:
    case ANSWER_TENANTS:
        json = render_tenant(row);
        break;
    case ANSWER_KEY:
    case ANSWER_KEYS:
        json = render_key(row);
        break;
    case ANSWER_FILES:
        json = render_file(row);
        break;
    case ANSWER_STATUS:
        json = render_status(row);
        break;
    case ANSWER_VAULT:
        json = render_vault(row);
        break;
    case ANSWER_AUDIT:
        json = render_audit(row);
        break;
    case ANSWER_AUDIT_BYTES:
        json = render_audit_bytes(row);
        break;
    case ANSWER_NONE:
    case ANSWER_OPERATIONS:
        return; /* rows that nobody asked for */
    }
    if (!json || json_array_append_new(ex->rows, json) < 0)
        ex->no_memory = true;
}

static void finish(struct exchange *ex, const struct admin_message *done)
{
    const char *code;
    unsigned http_status = route_result(done->result, &code);
    if (done->result != VAULT_OK) {
        refuse(ex, http_status, code, done->text[0] ? done->text : "the broker refused, and did not say why");
        return;
    }
    if (ex->no_memory) {
        refuse(ex, 500, "no-memory", "not enough memory for the answer; the request itself was done");
        return;
    }
    if (ex->route->type == ADMIN_TENANT_ADD)
        snprintf(ex->location, sizeof ex->location, "/v1/tenants/%s", ex->request.message.tenant.name);
    accept_rows(ex);
}

static void on_done(struct link_request *request, enum link_outcome outcome, const struct admin_message *done)
{
    struct exchange *ex = (struct exchange *)request;
    bool change = ex->route && ex->route->change;
    bool was_waiting = ex->stage == STAGE_WAITING;
    ex->stage = STAGE_READY;
    if (ex->denied) { /* recorded, or counted as not recorded: no is the answer all the same */
        refuse(ex, 403, "not-allowed", ex->refusal);
        if (was_waiting)
            MHD_resume_connection(ex->connection);
        return;
    }
    switch (outcome) {
    case LINK_ANSWERED:
        finish(ex, done);
        break;
    case LINK_NO_BROKER:
        refuse(ex, 503, "no-broker", "the broker does not run at the moment; nothing was done");
        break;
    case LINK_LOST:
        refuse(
            ex, 503, "broker-lost",
            change
                ? "the broker ended during this request: it is not known whether it was done; look before you try again"
                : "the broker ended during this request");
        break;
    case LINK_TIMED_OUT:
        refuse(
            ex, 504, "timeout",
            change
                ? "the broker did not answer in time: it is not known whether this was done; look before you try again"
                : "the broker did not answer in time");
        break;
    }
    if (was_waiting)
        MHD_resume_connection(ex->connection);
}

static enum MHD_Result send_answer(struct exchange *ex)
{
    char *text = ex->answer ? json_dumps(ex->answer, JSON_INDENT(2)) : NULL;
    size_t len = text ? strlen(text) : 0;
    if (text)
        text[len++] = '\n'; /* in place of the 0, which nobody needs */
    if (!text && ex->http_status == 200)
        ex->http_status = 500;
    struct MHD_Response *response = MHD_create_response_from_buffer(len, text, MHD_RESPMEM_MUST_COPY);
    wipe_free(text);
    if (!response)
        return MHD_NO;
    if (len)
        MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE, "application/json");
    MHD_add_response_header(response, MHD_HTTP_HEADER_CACHE_CONTROL, "no-store");
    if (ex->allow[0] && ex->http_status == 405)
        MHD_add_response_header(response, MHD_HTTP_HEADER_ALLOW, ex->allow);
    if (ex->location[0] && ex->http_status == 201)
        MHD_add_response_header(response, MHD_HTTP_HEADER_LOCATION, ex->location);
    if (ex->http_status == 503)
        MHD_add_response_header(response, MHD_HTTP_HEADER_RETRY_AFTER, "1");
    enum MHD_Result result = MHD_queue_response(ex->connection, ex->http_status, response);
    MHD_destroy_response(response);
    return result;
}

static void submit(struct exchange *ex)
{
    ex->rows = json_array();
    ex->request.row = on_row;
    ex->request.done = on_done;
    link_submit(ex->http->link, &ex->request, http_now_ms());
    if (ex->stage == STAGE_READING) {
        ex->stage = STAGE_WAITING;
        MHD_suspend_connection(ex->connection);
    }
}

/* The whole body is there. */
static void start(struct exchange *ex)
{
    struct link_request *request = &ex->request;
    struct body_error error = {0};
    if (ex->denied) {
        submit(ex);
        return;
    }
    bool ok = body_parse(ex->route->body, ex->body, ex->body_len, &request->message, &error);
    if (ex->body)
        explicit_bzero(ex->body, BODY_MAX);
    if (!ok) {
        explicit_bzero(&request->message, sizeof request->message);
        refuse(ex, 400, error.code, error.message);
        return;
    }
    if (ex->route->answer == ANSWER_OPERATIONS) {
        ex->stage = STAGE_READY;
        accept_rows(ex);
        return;
    }
    submit(ex);
}

static struct admin_actor actor_of(const struct http *http, const struct peer *peer)
{
    struct admin_actor actor = {.uid = peer->uid, .roles = peer->roles};
    snprintf(actor.user, sizeof actor.user, "%s", peer_name(http->rule, peer->uid));
    return actor;
}

static void collect(struct exchange *ex, const char *data, size_t len)
{
    if (!ex->body && !ex->no_memory && !ex->denied)
        ex->body = malloc(BODY_MAX);
    if (ex->denied)
        ex->body_len = 0;
    else if (!ex->body)
        ex->no_memory = true;
    else if (ex->too_long || len > BODY_MAX - ex->body_len)
        ex->too_long = true;
    else {
        memcpy(ex->body + ex->body_len, data, len);
        ex->body_len += len;
    }
    /* libmicrohttpd's buffer, which it does not wipe; it is done with these bytes once they are taken. */
    explicit_bzero((void *)(uintptr_t)data, len);
}

/* Not yet the answer: that it was tried is recorded first. */
static void deny(struct exchange *ex, const struct peer *peer, uint32_t needed, const char *url, const char *method)
{
    struct admin_message *message = &ex->request.message;
    memset(message, 0, sizeof *message);
    message->type = ADMIN_AUDIT_REFUSED;
    message->actor = actor_of(ex->http, peer);
    snprintf(message->text, sizeof message->text, "%.8s %.200s", method, url);
    peer_refusal(peer, ex->http->rule, needed, ex->refusal, sizeof ex->refusal);
    ex->route = NULL;
    ex->denied = true;
}

/* Only the method, the path and the peer are known. */
static void begin(struct exchange *ex, const char *url, const char *method)
{
    static const struct peer nobody = {.uid = (uid_t)-1};
    struct body_error error = {0};
    unsigned http_status = 0;
    const union MHD_ConnectionInfo *info = MHD_get_connection_info(ex->connection, MHD_CONNECTION_INFO_SOCKET_CONTEXT);
    const struct peer *peer = info && info->socket_context ? info->socket_context : &nobody;
    if (!peer->roles) {
        deny(ex, peer, ROLE_ANY, url, method);
        return;
    }
    ex->route = route_find(method, url, &ex->request.message, &http_status, ex->allow, &error);
    if (!ex->route) {
        refuse(ex, http_status, error.code, error.message);
        return;
    }
    if (!(peer->roles & ex->route->roles)) {
        deny(ex, peer, ex->route->roles, url, method);
        return;
    }
    ex->request.message.actor = actor_of(ex->http, peer);
    if (MHD_get_connection_values(ex->connection, MHD_GET_ARGUMENT_KIND, NULL, NULL) > 0) {
        refuse(ex, 400, "unknown-field", "query parameters are not known here");
        return;
    }
    const char *length = MHD_lookup_connection_value(ex->connection, MHD_HEADER_KIND, MHD_HTTP_HEADER_CONTENT_LENGTH);
    if (length && strtoull(length, NULL, 10) > LENGTH_REFUSED)
        refuse(ex, 413, "too-large", "the body is longer than 65536 bytes");
}

static bool announces_too_much(const struct exchange *ex)
{
    return ex->stage == STAGE_READY && ex->http_status == 413;
}

static enum MHD_Result on_request(void *arg, struct MHD_Connection *connection, const char *url, const char *method,
                                  const char *version, const char *data, size_t *len, void **state)
{
    struct exchange *ex = *state;
    (void)version;
    if (!ex) {
        ex = calloc(1, sizeof *ex);
        if (!ex)
            return MHD_NO;
        ex->http = arg;
        ex->connection = connection;
        *state = ex;
        begin(ex, url, method);
        return announces_too_much(ex) ? send_answer(ex) : MHD_YES;
    }
    if (*len) {
        collect(ex, data, *len);
        *len = 0;
        return MHD_YES;
    }
    if (ex->stage == STAGE_READING && ex->too_long)
        refuse(ex, 413, "too-large", "the body is longer than 65536 bytes");
    else if (ex->stage == STAGE_READING && ex->no_memory)
        refuse(ex, 500, "no-memory", "not enough memory; nothing was done");
    else if (ex->stage == STAGE_READING)
        start(ex);
    return ex->stage == STAGE_READY ? send_answer(ex) : MHD_YES;
}

static void on_completed(void *arg, struct MHD_Connection *connection, void **state,
                         enum MHD_RequestTerminationCode why)
{
    (void)arg, (void)connection, (void)why;
    if (*state)
        exchange_free(*state);
    *state = NULL;
}

/* libmicrohttpd's complaints are about peers that hang up and the like: nothing an operator can act on. */
static void no_log(void *arg, const char *format, va_list args)
{
    (void)arg, (void)format, (void)args;
}

static void listen_set(struct http *http, bool listens)
{
    struct epoll_event event = {.events = listens ? EPOLLIN : 0, .data.fd = http->listen_fd};
    epoll_ctl(http->epoll_fd, EPOLL_CTL_MOD, http->listen_fd, &event);
    http->deaf = !listens;
}

/* The context of a connection is its struct peer; NULL: no memory, or the kernel does not say. */
static void on_connection(void *arg, struct MHD_Connection *connection, void **context,
                          enum MHD_ConnectionNotificationCode what)
{
    struct http *http = arg;
    struct peer *peer = *context;
    if (what == MHD_CONNECTION_NOTIFY_STARTED) {
        const union MHD_ConnectionInfo *info = MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD);
        peer = malloc(sizeof *peer);
        if (peer && (!info || !peer_look(info->connect_fd, http->rule, peer))) {
            free(peer);
            peer = NULL;
        }
        *context = peer;
        http->connections++;
        http->strangers += !peer || !peer->roles;
        return;
    }
    http->connections--;
    http->strangers -= !peer || !peer->roles;
    free(peer);
    if (http->deaf)
        listen_set(http, true);
}

static void accept_all(struct http *http)
{
    for (unsigned i = 0; i < HTTP_ACCEPTS; i++) { /* who connects without end does not keep us from all else */
        struct sockaddr_un address = {.sun_family = AF_UNIX};
        struct peer peer;
        if (http->connections >= HTTP_CONNECTIONS) {
            if (!http->deaf)
                listen_set(http, false);
            return;
        }
        int fd = accept4(http->listen_fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (fd < 0)
            return;
        if (http->strangers >= HTTP_STRANGERS && (!peer_look(fd, http->rule, &peer) || !peer.roles)) {
            close(fd);
            continue;
        }
        MHD_add_connection(http->daemon, fd, (struct sockaddr *)&address, sizeof address); /* closes it on failure */
    }
}

static bool watch(struct http *http)
{
    const union MHD_DaemonInfo *info = MHD_get_daemon_info(http->daemon, MHD_DAEMON_INFO_EPOLL_FD);
    struct epoll_event event = {.events = EPOLLIN};
    http->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    return info && http->epoll_fd >= 0 && !epoll_ctl(http->epoll_fd, EPOLL_CTL_ADD, info->epoll_fd, &event) &&
           !epoll_ctl(http->epoll_fd, EPOLL_CTL_ADD, http->listen_fd, &event);
}

struct http *http_start(int listen_fd, struct link *link, const struct peer_rule *rule)
{
    struct http *http = calloc(1, sizeof *http);
    if (!http)
        return NULL;
    http->link = link;
    http->rule = rule;
    http->listen_fd = listen_fd;
    http->epoll_fd = -1;
    http->daemon = MHD_start_daemon(
        MHD_USE_EPOLL | MHD_USE_NO_LISTEN_SOCKET | MHD_ALLOW_SUSPEND_RESUME | MHD_USE_ERROR_LOG, 0, NULL, NULL,
        on_request, http, MHD_OPTION_EXTERNAL_LOGGER, no_log, NULL, MHD_OPTION_CONNECTION_LIMIT, HTTP_CONNECTIONS + 1,
        MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)CONNECTION_MEMORY, MHD_OPTION_CONNECTION_TIMEOUT, IDLE_SECONDS,
        MHD_OPTION_NOTIFY_COMPLETED, on_completed, NULL, MHD_OPTION_NOTIFY_CONNECTION, on_connection, http,
        MHD_OPTION_END);
    if (!http->daemon || !watch(http)) {
        if (http->daemon)
            MHD_stop_daemon(http->daemon);
        if (http->epoll_fd >= 0)
            close(http->epoll_fd);
        free(http);
        return NULL;
    }
    return http;
}

int http_fd(const struct http *http)
{
    return http->epoll_fd;
}

int http_timeout(const struct http *http)
{
    MHD_UNSIGNED_LONG_LONG ms;
    if (MHD_get_timeout(http->daemon, &ms) != MHD_YES)
        return -1;
    return ms > 60000 ? 60000 : (int)ms;
}

void http_run(struct http *http)
{
    if (!http->deaf)
        accept_all(http);
    MHD_run(http->daemon);
}

void http_stop(struct http *http)
{
    MHD_run(http->daemon); /* resumed connections send their last answers */
    MHD_stop_daemon(http->daemon);
    close(http->epoll_fd);
    free(http);
}
