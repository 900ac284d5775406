/* What client.c asks of cli.c. */
#ifndef TOCSIN_CLI_CLIENT_H
#define TOCSIN_CLI_CLIENT_H

const char *server_token(void); /* --token or TOCSIN_TOKEN; NULL: none */

#endif
