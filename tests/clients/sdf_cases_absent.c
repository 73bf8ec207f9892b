/* SPDX-License-Identifier: Apache-2.0 */
/* Every function that is not there: SDR_NOTSUPPORT on a live session, SDR_INARGERR on any other. */
#include "tests/clients/sdf_cases.h"

void case_absent(struct sdf_env *env)
{
    for (int i = 0; i < 2; i++) {
        void *s = i ? NULL : env->session;
        uint32_t want = i ? SDR_INARGERR : SDR_NOTSUPPORT;
        CALL(want, SDF_ExternalSign_SM9, s, NULL, NULL, NULL, 0, NULL);
        CALL(want, SDF_ExternalDecrypt_SM9, s, NULL, NULL, 0, 0, NULL, NULL, NULL, NULL);
        CALL(want, SDF_ExportUserID_SM9, s, 0, NULL, NULL);
        CALL(want, SDF_GenerateEncMasterKeyPair_SM9, s, 0, NULL, NULL);
        CALL(want, SDF_GenerateKeyWithEMK_SM9, s, 0, NULL, NULL, 0, NULL, NULL);
        CALL(want, SDF_GenerateKeyWithIMK_SM9, s, 0, 0, NULL, 0, NULL, NULL);
        CALL(want, SDF_ImportKeyWithISK_SM9, s, 0, 0, NULL, NULL);
        CALL(want, SDF_GenerateAgreementDataWithSM9, s, 0, 0, 0, NULL, 0, NULL, 0, NULL, NULL, NULL);
        CALL(want, SDF_GenerateKeyWithSM9, s, NULL, NULL, NULL);
        CALL(want, SDF_GenerateAgreementDataAndKeyWithSM9, s, 0, 0, 0, NULL, 0, NULL, 0, NULL, NULL, NULL, NULL);
        CALL(want, SDF_VerifyWithMasterEPK_SM9, s, NULL, NULL, 0, NULL, 0, NULL);
        CALL(want, SDF_VerifyWithMasterIPK_SM9, s, 0, NULL, 0, NULL, 0, NULL);
        CALL(want, SDF_InternalSignWithMasterEPK_SM9, s, NULL, 0, NULL, 0, NULL);
        CALL(want, SDF_InternalSignWithMasterIPK_SM9, s, 0, 0, NULL, 0, NULL);
        CALL(want, SDF_EncryptWithMasterEPK_SM9, s, NULL, NULL, 0, 0, NULL, NULL, 0, NULL);
        CALL(want, SDF_EncryptWithMasterIPK_SM9, s, 0, NULL, 0, 0, NULL, NULL, 0, NULL);
        CALL(want, SDF_DecryptWithISK_SM9, s, 0, NULL, 0, 0, NULL, NULL, NULL, NULL);
    }
}
