/* SPDX-License-Identifier: Apache-2.0 */
#include "bench/daemon.h"

#include <curl/curl.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <jansson.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include "bench/clock.h"
#include "proto/layout.h"

#define START_MS 30000
#define STOP_MS  10000

static bool fail(char *text, const char *what, const char *why)
{
    snprintf(text, DAEMON_TEXT, "%s: %s", what, why);
    return false;
}

/* The first of the places that has `name`; places are relative to the directory of the running program. */
static bool beside(const char *const *places, size_t n, const char *name, char path[DAEMON_PATH])
{
    char self[DAEMON_PATH] = "";
    ssize_t len = readlink("/proc/self/exe", self, sizeof(self) - 1);
    char *slash = len > 0 ? strrchr(self, '/') : NULL;
    if (!slash)
        return false;
    *slash = 0;
    for (size_t i = 0; i < n; i++) {
        char place[2 * DAEMON_PATH];
        snprintf(place, sizeof(place), "%s/%s%s", self, places[i], name);
        if (strlen(place) < DAEMON_PATH && access(place, R_OK) == 0) {
            snprintf(path, DAEMON_PATH, "%.*s", DAEMON_PATH - 1, place);
            return true;
        }
    }
    return false;
}

static void program_find(const char *name, char path[DAEMON_PATH])
{
    static const char *const places[] = {"", "../sbin/", "../bin/", "../backend/main/", "../cli/"};
    if (!beside(places, sizeof(places) / sizeof(places[0]), name, path))
        snprintf(path, DAEMON_PATH, "%s", name);
}

void daemon_libsdf(char path[DAEMON_PATH])
{
    static const char *const places[] = {"../lib/", "../lib64/", "../lib/x86_64-linux-gnu/",
                                         "../lib/aarch64-linux-gnu/", "../frontend/sdf/"};
    if (!beside(places, sizeof(places) / sizeof(places[0]), "libsdf.so", path))
        snprintf(path, DAEMON_PATH, "libsdf.so");
}

static bool directory_make(struct daemon *daemon, char *text)
{
    const char *base = getenv("XDG_RUNTIME_DIR");
    /* a socket's path has 107 characters at most */
    if (!base || base[0] != '/' || strlen(base) > 40 || access(base, W_OK) != 0)
        base = "/tmp";
    snprintf(daemon->dir, sizeof(daemon->dir), "%s/cardmux-bench-XXXXXX", base);
    if (!mkdtemp(daemon->dir)) {
        daemon->dir[0] = 0;
        return fail(text, base, strerror(errno));
    }
    /* the broker's user, and root, must get in; nobody else needs to list it */
    if (chmod(daemon->dir, 0711) != 0)
        return fail(text, daemon->dir, strerror(errno));
    snprintf(daemon->socket, sizeof(daemon->socket), "%.200s/run/admin.sock", daemon->dir);
    return true;
}

static bool config_write(struct daemon *daemon, const struct daemon_options *options, char *text)
{
    char path[DAEMON_PATH + 32];
    snprintf(path, sizeof(path), "%s/cardmuxd.conf", daemon->dir);
    FILE *file = fopen(path, "we");
    if (!file)
        return fail(text, path, strerror(errno));
    fprintf(file, "[daemon]\nstate = %s/state\nrun = %s/run\n\n[card %s]\ndriver = %s\nthreads = %u\n\n", daemon->dir,
            daemon->dir, options->card, options->card, options->card_threads > 1 ? options->card_threads : 0);
    fprintf(file, "[broker]\nwait = %s\n", options->wait);
    return fclose(file) == 0 || fail(text, path, strerror(errno));
}

/* Starts a program with a group of its own (Ctrl-C is the bench's to handle), output into DIR/log; ready_fd: kept open
   across exec as descriptor 3, or -1. */
static pid_t program_start(struct daemon *daemon, char *const argv[], int ready_fd)
{
    char log[DAEMON_PATH + 8];
    snprintf(log, sizeof(log), "%s/log", daemon->dir);
    pid_t pid = fork();
    if (pid != 0)
        return pid;
    prctl(PR_SET_PDEATHSIG, SIGTERM);
    setpgid(0, 0);
    int out = open(log, O_WRONLY | O_CREAT | O_APPEND, 0600);
    int in = open("/dev/null", O_RDONLY);
    dup2(in, 0);
    dup2(out, 1);
    dup2(out, 2);
    if (ready_fd >= 0 && ready_fd != 3)
        dup2(ready_fd, 3);
    else if (ready_fd == 3)
        fcntl(3, F_SETFD, 0);
    execvp(argv[0], argv);
    dprintf(2, "%s: %s\n", argv[0], strerror(errno));
    _exit(127);
}

/* The last line of DIR/log, where programs say what is wrong. */
static void log_tail(struct daemon *daemon, char *line, size_t size)
{
    char log[DAEMON_PATH + 8], buffer[400];
    snprintf(log, sizeof(log), "%s/log", daemon->dir);
    FILE *file = fopen(log, "re");
    snprintf(line, size, "it said nothing");
    while (file && fgets(buffer, sizeof(buffer), file)) {
        buffer[strcspn(buffer, "\n")] = 0;
        if (buffer[0])
            snprintf(line, size, "%.*s", (int)size - 1, buffer);
    }
    if (file)
        fclose(file);
}

/* Waits for a child's end. True: status 0. */
static bool child_done(pid_t pid, int timeout_ms)
{
    uint64_t until = now_ns() + (uint64_t)timeout_ms * 1000000u;
    int status = 0;
    while (waitpid(pid, &status, WNOHANG) == 0) {
        if (now_ns() > until) {
            kill(pid, SIGKILL);
            waitpid(pid, &status, 0);
            return false;
        }
        sleep_ns(5000000);
    }
    return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

static bool state_make(struct daemon *daemon, char *text)
{
    char config[DAEMON_PATH + 32], said[300];
    snprintf(config, sizeof(config), "%s/cardmuxd.conf", daemon->dir);
    char init[] = "init", option[] = "--config";
    char *argv[] = {daemon->cli, init, option, config, NULL};
    pid_t pid = program_start(daemon, argv, -1);
    if (pid > 0 && child_done(pid, START_MS))
        return true;
    log_tail(daemon, said, sizeof(said));
    return fail(text, "cardmux init failed", said);
}

static bool keeper_start(struct daemon *daemon, char *text)
{
    char config[DAEMON_PATH + 32], said[300];
    int ready[2];
    snprintf(config, sizeof(config), "%s/cardmuxd.conf", daemon->dir);
    if (pipe2(ready, O_CLOEXEC) != 0)
        return fail(text, "pipe", strerror(errno));
    char option[] = "--config", ready_option[] = "--ready-fd", three[] = "3";
    char *argv[] = {daemon->program, option, config, ready_option, three, NULL};
    daemon->pid = program_start(daemon, argv, ready[1]);
    close(ready[1]);
    struct pollfd fd = {.fd = ready[0], .events = POLLIN};
    char line[16];
    bool serves = daemon->pid > 0 && poll(&fd, 1, START_MS) > 0 && read(ready[0], line, sizeof(line)) > 0;
    close(ready[0]);
    if (serves)
        return true;
    log_tail(daemon, said, sizeof(said));
    return fail(text, "cardmuxd did not start", said);
}

struct reply {
    char *bytes;
    size_t len;
};

static size_t reply_take(char *bytes, size_t size, size_t n, void *arg)
{
    struct reply *reply = arg;
    size_t len = size * n;
    char *more = reply->len + len < (1u << 20) ? realloc(reply->bytes, reply->len + len + 1) : NULL;
    if (!more)
        return 0;
    memcpy(more + reply->len, bytes, len);
    reply->bytes = more;
    reply->len += len;
    more[reply->len] = 0;
    return len;
}

/* One request. Returns the answer's JSON (an empty object where it has none), NULL: text says why. */
static json_t *api(struct daemon *daemon, const char *method, const char *path, json_t *body, char *text)
{
    char url[256], error[CURL_ERROR_SIZE] = "";
    struct reply reply = {0};
    char *bytes = body ? json_dumps(body, JSON_COMPACT) : NULL;
    json_decref(body);
    CURL *curl = daemon->curl;
    snprintf(url, sizeof(url), "http://cardmux%s", path);
    curl_easy_reset(curl);
    curl_easy_setopt(curl, CURLOPT_UNIX_SOCKET_PATH, daemon->socket);
    curl_easy_setopt(curl, CURLOPT_URL, url);
    curl_easy_setopt(curl, CURLOPT_CUSTOMREQUEST, method);
    curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, 15000L);
    curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, error);
    curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, reply_take);
    curl_easy_setopt(curl, CURLOPT_WRITEDATA, &reply);
    struct curl_slist *headers = NULL;
    if (bytes) {
        headers = curl_slist_append(NULL, "Content-Type: application/json");
        curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers);
        curl_easy_setopt(curl, CURLOPT_POSTFIELDS, bytes);
    }
    CURLcode code = curl_easy_perform(curl);
    long status = 0;
    curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status);
    curl_slist_free_all(headers);
    json_free_t release; /* the program may have given jansson an allocator of its own */
    json_get_alloc_funcs(NULL, &release);
    if (bytes)
        release(bytes);
    json_t *answer = reply.bytes ? json_loadb(reply.bytes, reply.len, 0, NULL) : json_object();
    free(reply.bytes);
    if (code == CURLE_OK && status / 100 == 2)
        return answer ? answer : json_object();
    const char *said = json_string_value(json_object_get(json_object_get(answer, "error"), "message"));
    snprintf(text, DAEMON_TEXT, "%s %s: %s", method, path,
             code != CURLE_OK ? (error[0] ? error : curl_easy_strerror(code))
             : said           ? said
                              : "refused");
    json_decref(answer);
    return NULL;
}

bool daemon_start(struct daemon *daemon, const struct daemon_options *options, char *text)
{
    memset(daemon, 0, sizeof(*daemon));
    program_find("cardmuxd", daemon->program);
    program_find("cardmux", daemon->cli);
    daemon->curl = curl_easy_init();
    return (daemon->curl || fail(text, "libcurl", "cannot be started")) && directory_make(daemon, text) &&
           config_write(daemon, options, text) && state_make(daemon, text) && keeper_start(daemon, text);
}

bool daemon_tenant(struct daemon *daemon, const char *name, uint32_t connections, bool keys, char *text)
{
    char path[128];
    json_t *answer =
        api(daemon, "POST", "/v1/tenants",
            json_pack("{s:s s:i s:i}", "name", name, "max_connections", (int)connections, "max_handles", 1024), text);
    snprintf(path, sizeof(path), "/v1/tenants/%s/keys", name);
    const char *kinds[] = {"sm2", "kek"};
    for (int i = 0; answer && keys && i < 2; i++) {
        json_decref(answer);
        answer = api(daemon, "POST", path,
                     json_pack("{s:s s:i s:i}", "kind", kinds[i], "index", 1, "bits", i ? 128 : 256), text);
    }
    json_decref(answer);
    return answer != NULL;
}

void daemon_socket(const struct daemon *daemon, const char *tenant, const char *via, char path[DAEMON_PATH])
{
    const char *port = strcmp(via, "stream") ? "" : "_" CM_VSOCK_PORT_TEXT;
    snprintf(path, DAEMON_PATH, "%.120s/run/tenant/%.32s/%.10s.sock%s", daemon->dir, tenant, via, port);
}

static uint64_t integer(const json_t *object, const char *name)
{
    return (uint64_t)json_integer_value(json_object_get(object, name));
}

bool daemon_counters(struct daemon *daemon, struct daemon_counters *counters, char *text)
{
    json_t *status = api(daemon, "GET", "/v1/status", NULL, text);
    if (!status)
        return false;
    const json_t *total = json_object_get(status, "total");
    *counters = (struct daemon_counters){.operations = integer(total, "operations"),
                                         .errors = integer(total, "errors"),
                                         .doorbells = integer(total, "doorbells"),
                                         .wakeups = integer(total, "wakeups"),
                                         .card_ns = integer(total, "card_ns"),
                                         .broker_pid = (pid_t)integer(status, "broker_pid")};
    json_decref(status);
    return true;
}

bool daemon_alive(const struct daemon *daemon)
{
    siginfo_t info = {0};
    return daemon->pid > 0 && waitid(P_PID, (id_t)daemon->pid, &info, WEXITED | WNOHANG | WNOWAIT) == 0 &&
           info.si_pid == 0;
}

static int remove_one(const char *path, const struct stat *stat, int flag, struct FTW *ftw)
{
    (void)stat, (void)flag, (void)ftw;
    remove(path);
    return 0;
}

void daemon_stop(struct daemon *daemon)
{
    if (daemon->pid > 0) {
        kill(daemon->pid, SIGTERM);
        child_done(daemon->pid, STOP_MS);
        daemon->pid = 0;
    }
    if (daemon->dir[0])
        nftw(daemon->dir, remove_one, 16, FTW_DEPTH | FTW_PHYS);
    daemon->dir[0] = 0;
    if (daemon->curl)
        curl_easy_cleanup(daemon->curl);
    daemon->curl = NULL;
}
