/* SPDX-License-Identifier: MIT
 * certificates.c - see certificates.h. */
#include "support/certificates.h"

#include <stdio.h>
#include <stdlib.h>

#include "support/until.h"

static const char commands[] =
    "set -e; cd %s; key='ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes'\n"
    "sign() { openssl x509 -req -in $1.csr -CA ca.crt -CAkey ca.key -CAcreateserial -days 2 -out $1.crt $2 "
    "$3; }\n"
    "for name in ca other-ca; do\n"
    "  openssl req -x509 -newkey $key -keyout $name.key -out $name.crt -days 2 -subj /CN=$name; done\n"
    "for name in server client; do\n"
    "  openssl req -newkey $key -keyout $name.key -out $name.csr -subj /CN=$name; done\n"
    "echo 'subjectAltName=DNS:redis.test,IP:127.0.0.1' > names\n"
    "sign server -extfile names; sign client\n"
    "openssl ec -in client.key -aes256 -passout pass:" CERTIFICATES_PASSWORD " -out locked.key\n";

void certificates_make(const char *folder) {
  char text[2048];
  snprintf(text, sizeof text, "(");
  int used = 1 + snprintf(text + 1, sizeof text - 1, commands, folder);
  snprintf(text + used, sizeof text - (size_t)used, ") > %s/openssl.log 2>&1", folder);
  test_require(system(text) == 0, "openssl makes certificates"); /* NOLINT(cert-env33-c): a test */
}
