/* SPDX-License-Identifier: Apache-2.0 */
/* test_config.c: cardmuxd.conf: defaults, every key, and that each mistake is named with file, line and remedy. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include "backend/main/config.h"
#include "backend/main/role.h"

static int read_text(struct config *config, const char *content, char *text)
{
    FILE *file = fmemopen((void *)(uintptr_t)content, strlen(content), "r");
    assert_non_null(file);
    int result = config_read(config, file, "some.conf", text);
    fclose(file);
    return result;
}

static void expect_good(struct config *config, const char *content)
{
    char text[CONFIG_TEXT];
    if (read_text(config, content, text)) {
        fail_msg("refused: %s", text);
    }
}

/* The sentence starts with `start` and says `remedy` somewhere. */
static void expect_bad(const char *content, const char *start, const char *remedy)
{
    struct config config;
    char text[CONFIG_TEXT];
    if (read_text(&config, content, text) == 0) {
        fail_msg("accepted: %s", content);
    }
    if (strncmp(text, start, strlen(start)) != 0 || !strstr(text, remedy)) {
        fail_msg("\"%s\"\nshould start with \"%s\" and say \"%s\"", text, start, remedy);
    }
    config_free(&config);
}

static void test_defaults(void **state)
{
    (void)state;
    struct config config;
    expect_good(&config, "# nothing\n");
    assert_string_equal(config.daemon.state_dir, "/var/lib/cardmux");
    assert_string_equal(config.daemon.run_dir, "/run/cardmux");
    assert_string_equal(config.daemon.master_key, "/var/lib/cardmux/master.key");
    assert_string_equal(config.daemon.user, "cardmux");
    assert_string_equal(config.daemon.group, "cardmux");
    assert_string_equal(config.daemon.security_group, "cardmux-so");
    assert_string_equal(config.daemon.audit_group, "cardmux-audit");
    assert_int_equal(config.daemon.root_roles, ROLE_ANY);
    assert_string_equal(config.daemon.card, "soft");
    assert_null(config.daemon.card_library);
    assert_null(config.daemon.master_card);
    assert_null(config.daemon.master_code_file);
    assert_int_equal(config.daemon.master_index, 1);
    assert_false(config.daemon.master_kek);
    assert_null(config.daemon.card_fault);
    assert_null(config.daemon.sandbox_probe);
    assert_int_equal(config.daemon.wait, WAIT_ADAPTIVE);
    assert_int_equal(config.daemon.deadline_ms, 30000);
    assert_int_equal(config.daemon.workers, 2);
    assert_int_equal(config.daemon.code_attempts, 10);
    assert_int_equal(config.daemon.card_threads, 0);
    assert_false(config.daemon.vsock);
    assert_false(config.user_written);
    config_free(&config);
}

static void test_every_key(void **state)
{
    (void)state;
    struct config config;
    expect_good(&config, "[daemon]\nstate = /s\nrun = /r ; a remark\nuser = u\ngroup = g\nmaster-key = /k\n"
                         "security-group = s\naudit-group = a\nroot-roles = operator, auditor\nvsock = on\n"
                         "[card one]\ndriver = model\nlibrary = /lib/x.so\nfault = late\nthreads = 3\n"
                         "[broker]\nwait = poll\ndeadline = 500\nworkers = 4\ncode-attempts = 7\n"
                         "[test]\nsandbox-probe = all");
    const struct daemon_config *daemon = &config.daemon;
    assert_string_equal(daemon->state_dir, "/s");
    assert_string_equal(daemon->run_dir, "/r");
    assert_string_equal(daemon->user, "u");
    assert_string_equal(daemon->group, "g");
    assert_string_equal(daemon->security_group, "s");
    assert_string_equal(daemon->audit_group, "a");
    assert_int_equal(daemon->root_roles, ROLE_OPERATOR | ROLE_AUDITOR);
    assert_string_equal(daemon->master_key, "/k");
    assert_true(daemon->vsock);
    assert_string_equal(daemon->card, "model");
    assert_string_equal(daemon->card_library, "/lib/x.so");
    assert_string_equal(daemon->card_fault, "late");
    assert_int_equal(daemon->card_threads, 3);
    assert_int_equal(daemon->wait, WAIT_POLL);
    assert_int_equal(daemon->deadline_ms, 500);
    assert_int_equal(daemon->workers, 4);
    assert_int_equal(daemon->code_attempts, 7);
    assert_string_equal(daemon->sandbox_probe, "all");
    assert_true(config.user_written && config.group_written && config.security_group_written &&
                config.audit_group_written);
    config_free(&config);
}

static void test_card_heading_names_the_driver(void **state)
{
    (void)state;
    struct config config;
    expect_good(&config, "[card null]\n");
    assert_string_equal(config.daemon.card, "null");
    config_free(&config);
    expect_good(&config, "[card  null]\nthreads = 1\n");
    assert_string_equal(config.daemon.card, "null");
    config_free(&config);
}

static void test_unknown_names(void **state)
{
    (void)state;
    expect_bad("[demon]\nstate = /s\n", "some.conf:1: unknown section [demon]", "[daemon]");
    expect_bad("\n[nothing]\n", "some.conf:2: unknown section", "known are");
    expect_bad("[daemon]\nstat = /s\n", "some.conf:2: unknown key stat", "state, run, user");
    expect_bad("[broker]\nstate = /s\n", "some.conf:2: unknown key state", "wait, deadline");
    expect_bad("state = /s\n", "some.conf:1: state stands before any section", "[daemon]");
    expect_bad("[card]\n", "some.conf:1: a card needs a name", "[card soft]");
    expect_bad("[card a/b]\n", "some.conf:1: \"a/b\" cannot be a card's name", "a-z");
    expect_bad("[card soft]\n[card null]\n", "some.conf:2: a second card", "remove");
}

static void test_bad_values(void **state)
{
    (void)state;
    expect_bad("[broker]\nwait = often\n", "some.conf:2: wait = often", "adaptive, sleep or poll");
    expect_bad("[daemon]\nvsock = yes\n", "some.conf:2: vsock = yes", "on or off");
    expect_bad("[broker]\ndeadline = 99\n", "some.conf:2: deadline = 99", "from 100 to 600000");
    expect_bad("[broker]\ndeadline = 30s\n", "some.conf:2: deadline = 30s", "whole number");
    expect_bad("[broker]\nworkers = -1\n", "some.conf:2: workers = -1", "whole number");
    expect_bad("[broker]\nworkers = 18446744073709551617\n", "some.conf:2: workers", "from 1 to 64");
    expect_bad("[card soft]\nthreads =\n", "some.conf:2: threads =", "whole number");
    expect_bad("[daemon]\nrun = here\n", "some.conf:2: run = here", "starts with /");
    expect_bad("[daemon]\nroot-roles = boss\n", "some.conf:2: root-roles = boss", "security-officer");
    expect_bad("[daemon]\nroot-roles = operator,\n", "some.conf:2: root-roles = operator,", "none");
    expect_bad("[daemon]\nuser =\n", "some.conf:2: user has no value", "give one");
}

static void test_bad_form(void **state)
{
    (void)state;
    char line[400];
    expect_bad("[daemon]\n\nuser = a\nuser = b\n", "some.conf:4: user is given twice", "keep one");
    expect_bad("[daemon]\nuser = a\n   b\n", "some.conf:3: user is given twice", "second line");
    expect_bad("[daemon]\nhello\n", "some.conf:2: not understood", "key = value");
    expect_bad("[daemon\n", "some.conf:1: not understood", "[section]");
    expect_bad("[daemon] user = a\n", "some.conf:1: text after [daemon]", "line of its own");
    memset(line, 'a', sizeof(line));
    memcpy(line, "[daemon]\nuser =", 15);
    line[sizeof(line) - 1] = 0;
    expect_bad(line, "some.conf:2: line longer than", "shorten");
    struct config config;
    char text[CONFIG_TEXT];
    FILE *file = fmemopen((void *)(uintptr_t) "[daemon]\0\n", 10, "r");
    assert_int_equal(config_read(&config, file, "some.conf", text), -1);
    assert_non_null(strstr(text, "NUL"));
    config_free(&config);
    fclose(file);
}

static void test_missing_file(void **state)
{
    (void)state;
    struct config config;
    char text[CONFIG_TEXT];
    assert_int_equal(config_load(&config, "/nonexistent/x.conf", text), -1);
    assert_non_null(strstr(text, "/nonexistent/x.conf"));
    assert_non_null(strstr(text, "--config"));
    config_free(&config);
}

static void test_master_card(void **state)
{
    (void)state;
    struct config config;
    expect_good(&config,
                "[daemon]\nmaster-key-card = /usr/lib/libv.so\nmaster-key-index = 65535\nmaster-key-kind = kek\n"
                "master-key-code-file = /etc/code\n");
    assert_string_equal(config.daemon.master_card, "/usr/lib/libv.so");
    assert_string_equal(config.daemon.master_code_file, "/etc/code");
    assert_int_equal(config.daemon.master_index, 65535);
    assert_true(config.daemon.master_kek);
    config_free(&config);
    expect_bad("[daemon]\nmaster-key-card = libv.so\n", "some.conf:2: ", "starts with /");
    expect_bad("[daemon]\nmaster-key-index = 0\n", "some.conf:2: ", "from 1 to 65535");
    expect_bad("[daemon]\nmaster-key-kind = ecc\n", "some.conf:2: ", "key-pair or kek");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_defaults),
        cmocka_unit_test(test_master_card),
        cmocka_unit_test(test_every_key),
        cmocka_unit_test(test_unknown_names),
        cmocka_unit_test(test_card_heading_names_the_driver),
        cmocka_unit_test(test_bad_values),
        cmocka_unit_test(test_bad_form),
        cmocka_unit_test(test_missing_file),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
