/* SPDX-License-Identifier: Apache-2.0 */
/* see api.h */
#include "cli/api.h"
#include "backend/admin/wipe_alloc.h"
#include <curl/curl.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#define ANSWER_MAX   (64u << 20)
#define ATTEMPTS     5
#define SECONDS      45L  /* the daemon itself gives up after 30 s and says so */
#define LONG_SECONDS 630L /* and after 10 minutes where it may take long */

struct answer {
    char *bytes;
    size_t len;
};

/* Of api_call_slow; one request at a time. */
static struct {
    bool on;
    const char *word; /* NULL: nobody looks */
    time_t said;
} slow;

static int tell_progress(void *arg, curl_off_t total, curl_off_t now, curl_off_t up_total, curl_off_t up_now)
{
    time_t second = time(NULL);
    (void)arg, (void)total, (void)now, (void)up_total, (void)up_now;
    if (slow.said && second != slow.said)
        fputc('.', stderr);
    else if (!slow.said)
        fprintf(stderr, "%s ", slow.word);
    slow.said = second;
    return 0;
}

static size_t collect(char *data, size_t size, size_t count, void *arg)
{
    struct answer *answer = arg;
    size_t n = size * count;
    if (n > ANSWER_MAX - answer->len)
        return 0;
    char *grown = realloc(answer->bytes, answer->len + n + 1);
    if (!grown)
        return 0;
    memcpy(grown + answer->len, data, n);
    answer->bytes = grown;
    answer->len += n;
    return n;
}

/* curl does not say why a connection failed; trying it once more does. 0: it works. */
static int connect_error(const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    if (strlen(path) >= sizeof address.sun_path)
        return ENAMETOOLONG;
    strcpy(address.sun_path, path);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    int error = connect(fd, (struct sockaddr *)&address, sizeof address) < 0 ? errno : 0;
    if (fd >= 0)
        close(fd);
    return error;
}

static void explain_connection(const struct cli *cli, CURLcode code, bool change, char *text)
{
    int error = connect_error(cli->socket);
    switch (error) {
    case 0:
        snprintf(text, API_TEXT, "the daemon did not answer on %s: %s%s", cli->socket, curl_easy_strerror(code),
                 change ? "; it is not known whether the request was done: look before you try again" : "");
        return;
    case ENOENT:
        snprintf(text, API_TEXT, "the daemon does not run (there is no socket %s): systemctl start cardmuxd",
                 cli->socket);
        return;
    case ECONNREFUSED:
        snprintf(text, API_TEXT, "the daemon does not run (nobody listens on %s): systemctl start cardmuxd",
                 cli->socket);
        return;
    case EACCES:
    case EPERM:
        snprintf(text, API_TEXT, "permission denied: who may not even connect to %s lacks a right on its directory",
                 cli->socket);
        return;
    default:
        snprintf(text, API_TEXT, "cannot reach the daemon on %s: %s", cli->socket, strerror(error));
    }
}

/* One exchange. The HTTP status, or 0 with a sentence. */
static long exchange(const struct cli *cli, const char *method, const char *path, const char *body,
                     struct answer *answer, char *text)
{
    char url[512];
    long status = 0;
    CURL *curl = curl_easy_init();
    if (!curl) {
        snprintf(text, API_TEXT, "libcurl does not start");
        return 0;
    }
    snprintf(url, sizeof url, "http://localhost%s", path);
    struct curl_slist *headers = curl_slist_append(NULL, "Content-Type: application/json");
    headers = curl_slist_append(headers, "Expect:");
    curl_easy_setopt(curl, CURLOPT_UNIX_SOCKET_PATH, cli->socket);
    curl_easy_setopt(curl, CURLOPT_URL, url);
    curl_easy_setopt(curl, CURLOPT_PROXY, "");
    curl_easy_setopt(curl, CURLOPT_CUSTOMREQUEST, method);
    curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers);
    curl_easy_setopt(curl, CURLOPT_TIMEOUT, slow.on ? LONG_SECONDS : SECONDS);
    curl_easy_setopt(curl, CURLOPT_NOPROGRESS, slow.word ? 0L : 1L);
    curl_easy_setopt(curl, CURLOPT_XFERINFOFUNCTION, tell_progress);
    curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, collect);
    curl_easy_setopt(curl, CURLOPT_WRITEDATA, answer);
    if (body)
        curl_easy_setopt(curl, CURLOPT_POSTFIELDS, body);
    CURLcode code = curl_easy_perform(curl);
    if (code == CURLE_OK)
        curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status);
    else
        explain_connection(cli, code, strcmp(method, "GET") != 0, text);
    curl_slist_free_all(headers);
    curl_easy_cleanup(curl);
    return code == CURLE_OK ? status : 0;
}

static json_t *parse(const struct answer *answer)
{
    return answer->len ? json_loadb(answer->bytes, answer->len, JSON_REJECT_DUPLICATES, NULL) : NULL;
}

static bool take_answer(long status, json_t *json, const struct answer *answer, json_t **reply, char *text)
{
    const char *message = json_string_value(json_object_get(json_object_get(json, "error"), "message"));
    if (status >= 200 && status < 300 && (json || !answer->len)) {
        if (reply)
            *reply = json;
        else
            json_decref(json);
        return true;
    }
    if (message)
        snprintf(text, API_TEXT, "%s", message);
    else
        snprintf(text, API_TEXT, "the daemon answered with HTTP status %ld and nothing that can be read", status);
    json_decref(json);
    return false;
}

static bool is_restarting(json_t *json)
{
    const char *code = json_string_value(json_object_get(json_object_get(json, "error"), "code"));
    return code && strcmp(code, "no-broker") == 0;
}

bool api_try(const struct cli *cli, const char *method, const char *path, json_t *body, json_t **reply, char *text)
{
    char *sent = body ? json_dumps(body, JSON_COMPACT) : NULL;
    json_decref(body);
    if (reply)
        *reply = NULL;
    bool ok = false;
    for (int attempt = 1;; attempt++) {
        struct answer answer = {0};
        long status = exchange(cli, method, path, sent, &answer, text);
        json_t *json = status ? parse(&answer) : NULL;
        bool again = status == 503 && attempt < ATTEMPTS && is_restarting(json);
        if (again)
            json_decref(json);
        else
            ok = status && take_answer(status, json, &answer, reply, text);
        free(answer.bytes);
        if (!again)
            break;
        sleep(1);
    }
    wipe_free(sent); /* an access code can stand in it */
    return ok;
}

enum cli_status api_call(const struct cli *cli, const char *method, const char *path, json_t *body, json_t **reply)
{
    char text[API_TEXT];
    if (api_try(cli, method, path, body, reply, text))
        return CLI_DONE;
    cli_say(cli, "%s", text);
    return CLI_FAILED;
}

enum cli_status api_call_slow(const struct cli *cli, const char *method, const char *path, json_t *body, json_t **reply,
                              const char *word)
{
    slow.on = true;
    slow.word = isatty(STDERR_FILENO) ? word : NULL;
    slow.said = 0;
    enum cli_status status = api_call(cli, method, path, body, reply);
    if (slow.word && slow.said)
        fputs(status == CLI_DONE ? " done\n" : "\n", stderr);
    slow.on = false;
    slow.word = NULL;
    return status;
}
