/* SPDX-License-Identifier: Apache-2.0 */
/* error.c: SDF_GetErrMsg, what a code means to the application. */
#include "cardmux/sdf.h"

static const char *const texts[] = {
    "unknown error",
    "not supported, or not allowed to this virtual card",
    "the virtual card could not be reached, or was restarted",
    "the card failed",
    "the device could not be opened",
    "the session could not be opened",
    "the right to this key was not obtained",
    "no such key",
    "algorithm not supported",
    "mode of the algorithm not supported",
    "the public-key operation failed",
    "the private-key operation failed",
    "the signature could not be made",
    "the signature does not hold",
    "the symmetric operation failed",
    "functions called in the wrong order",
    "wrong file size",
    "no such file",
    "wrong file offset",
    "wrong type of key",
    "wrong key",
    "wrong encrypted data",
    "random numbers could not be generated",
    "the right to the key was refused: wrong access code, or locked",
    "the MAC does not hold",
    "the file exists",
    "the file could not be written",
    "not enough room",
    "wrong input argument",
    "wrong output argument",
    "wrong user identity",
};

const char *SDF_GetErrMsg(unsigned int uiCode)
{
    if (uiCode == SDR_OK)
        return "no error";
    unsigned int number = uiCode - SDR_BASE - 1;
    return number < sizeof texts / sizeof texts[0] ? texts[number] : "a code that GM/T 0018 does not have";
}
