/* SPDX-License-Identifier: Apache-2.0 */
/* see master_make.h */
#include "cli/master_make.h"

#include <stdio.h>
#include <string.h>
#include "backend/main/secret_file.h"
#include "cli/code_input.h"

bool master_wish_option(struct master_wish *wish, int option, const char *value)
{
    if (option == 'p' || option == 'P') {
        wish->form = MASTER_PASSPHRASE;
        wish->passphrase_file = option == 'P' ? value : wish->passphrase_file ? wish->passphrase_file : "-";
        return true;
    }
    if (option == 'C')
        wish->form = MASTER_CARD;
    return option == 'C';
}

const char *master_words(enum master_form form)
{
    return form == MASTER_CARD         ? ", sealed by the card"
           : form == MASTER_PASSPHRASE ? ", sealed with the passphrase"
                                       : "";
}

/* What seals the file: of a new one (path NULL), or of the one that is there. */
static enum vault_result wrap_passphrase(const struct cli *cli, const char *path, const struct master_wish *wish,
                                         const char *prompt, struct master_wrap *wrap, char *error)
{
    char text[CODE_INPUT_MAX + 1];
    enum vault_result result;
    if (!secret_read(cli, prompt, wish->passphrase_file ? wish->passphrase_file : "-", !path, text)) {
        snprintf(error, VAULT_ERROR_TEXT, "there is no passphrase: nothing was made");
        return VAULT_INVALID;
    }
    result = path ? master_wrap_of(path, (const uint8_t *)text, strlen(text), wrap, error)
                  : master_wrap_new((const uint8_t *)text, strlen(text), wrap, error);
    explicit_bzero(text, sizeof text);
    return result;
}

static enum vault_result wrap_card(const char *path, const struct master_wish *wish, struct master_wrap *wrap,
                                   char *error)
{
    struct master_place place = {0};
    char text[SECRET_FILE_TEXT] = "";
    enum vault_result result = VAULT_INVALID;
    if (master_place_find(wish->daemon, &place, text) < 0)
        snprintf(error, VAULT_ERROR_TEXT, "%.254s", text);
    else
        result = path ? master_card_open(path, &place, wrap, error) : master_card_new(&place, wrap, error);
    explicit_bzero(&place, sizeof place);
    return result;
}

enum vault_result master_open(const struct cli *cli, const char *path, const struct master_wish *wish,
                              const char *prompt, uint8_t *key, char *error)
{
    struct master_wrap wrap = {0};
    enum master_form form;
    enum vault_result result = master_key_form(path, &form, error);
    if (result == VAULT_OK && form == MASTER_FILE)
        return master_key_read(path, key, error);
    if (result == VAULT_OK)
        result = form == MASTER_CARD ? wrap_card(path, wish, &wrap, error)
                                     : wrap_passphrase(cli, path, wish, prompt, &wrap, error);
    if (result == VAULT_OK)
        result = master_key_unwrap(path, &wrap, key, error);
    explicit_bzero(&wrap, sizeof wrap);
    return result;
}

/* Of an attempt before: it must be of that form, and open by what was given. */
static enum vault_result key_there(const struct cli *cli, const char *path, const struct master_wish *wish,
                                   uint8_t *key, char *error)
{
    enum master_form form;
    enum vault_result result = master_key_form(path, &form, error);
    if (result == VAULT_OK && form != wish->form) {
        snprintf(error, VAULT_ERROR_TEXT, "%.180s is there already, with its master key in another form (%s)", path,
                 master_form_name(form));
        return VAULT_INVALID;
    }
    if (result == VAULT_OK)
        result = master_open(cli, path, wish, "Passphrase of the master key", key, error);
    return result == VAULT_OK ? VAULT_EXISTS : result;
}

enum vault_result master_make(const struct cli *cli, const char *path, const struct master_wish *wish, uint8_t *key,
                              char *error)
{
    struct master_wrap wrap = {0};
    enum vault_result result;
    enum master_form form;
    if (master_key_form(path, &form, error) != VAULT_NOT_FOUND)
        return key_there(cli, path, wish, key, error);
    result = wish->form == MASTER_CARD ? wrap_card(NULL, wish, &wrap, error)
             : wish->form == MASTER_PASSPHRASE
                 ? wrap_passphrase(cli, NULL, wish, "Passphrase of the master key", &wrap, error)
                 : VAULT_OK;
    if (result == VAULT_OK && !secret_random(key, VAULT_MASTER_KEY))
        result = VAULT_IO;
    if (result == VAULT_OK)
        result = master_key_write(path, key, wish->form == MASTER_FILE ? NULL : &wrap, false, error);
    explicit_bzero(&wrap, sizeof wrap);
    return result;
}
