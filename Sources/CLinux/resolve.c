#define _GNU_SOURCE
#include "CLinux.h"

#include <endian.h>
#include <netdb.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>

int leat_resolve(const char *name, struct leat_address *addresses, int capacity) {
    struct addrinfo hints = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM, .ai_flags = AI_ADDRCONFIG};
    struct addrinfo *found = NULL;
    switch (getaddrinfo(name, NULL, &hints, &found)) {
    case 0: break;
    case EAI_NONAME:
    case EAI_ADDRFAMILY:
    case EAI_NODATA: return 0;
    default: return -1;
    }
    int count = 0;
    for (struct addrinfo *one = found; one != NULL && count < capacity; one = one->ai_next) {
        struct leat_address *address = &addresses[count];
        if (one->ai_family == AF_INET) {
            struct in_addr *four = &((struct sockaddr_in *)one->ai_addr)->sin_addr;
            *address = (struct leat_address){.is_six = false, .high = 0, .low = ntohl(four->s_addr)};
        } else if (one->ai_family == AF_INET6) {
            uint64_t words[2];
            memcpy(words, &((struct sockaddr_in6 *)one->ai_addr)->sin6_addr, sizeof words);
            *address = (struct leat_address){.is_six = true, .high = be64toh(words[0]), .low = be64toh(words[1])};
        } else {
            continue;
        }
        count++;
    }
    freeaddrinfo(found);
    return count;
}
