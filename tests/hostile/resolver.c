// A resolver that lies: preloaded, it answers for the system's own.
//
// RESOLVER_ANSWERS names a file with a line for each answer: a name, and its addresses. Of several lines for one name the
// first is the first answer, and the last one stays. `never` in the place of an address is an answer that does not come.
// RESOLVER_ASKED names a file that gets each name that is asked for.

#define _GNU_SOURCE
#include <dlfcn.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

typedef int lookup(const char *, const char *, const struct addrinfo *, struct addrinfo **);

// How often a name was asked for, this time included.
static int times_asked(const char *name) {
    const char *path = getenv("RESOLVER_ASKED");
    FILE *asked = path ? fopen(path, "a+") : NULL;
    if (!asked) abort();
    fprintf(asked, "%s\n", name);
    rewind(asked);
    int times = 0;
    for (char line[1024]; fgets(line, sizeof line, asked);) {
        line[strcspn(line, "\n")] = 0;
        times += strcmp(line, name) == 0;
    }
    fclose(asked);
    return times;
}

int getaddrinfo(const char *name, const char *service, const struct addrinfo *hints, struct addrinfo **found) {
    lookup *real = (lookup *)dlsym(RTLD_NEXT, "getaddrinfo");
    if (!name) return real(name, service, hints, found);
    int left = times_asked(name);
    const char *path = getenv("RESOLVER_ANSWERS");
    FILE *answers = path ? fopen(path, "r") : NULL;
    if (!answers) abort();
    char line[1024], answer[1024] = "";
    while (left > 0 && fgets(line, sizeof line, answers)) {
        line[strcspn(line, "\n")] = 0;
        size_t length = strlen(name);
        if (strncmp(line, name, length) == 0 && line[length] == ' ') {
            strcpy(answer, line + length + 1);
            left--;
        }
    }
    fclose(answers);
    struct addrinfo **end = found;
    *found = NULL;
    char *rest = answer;
    for (char *address; (address = strsep(&rest, " "));) {
        if (strcmp(address, "never") == 0) for (;;) pause();
        struct addrinfo numeric = {.ai_flags = AI_NUMERICHOST, .ai_socktype = SOCK_STREAM};
        if (*address && real(address, service, &numeric, end) == 0) end = &(*end)->ai_next;
    }
    return *found ? 0 : EAI_NONAME;
}
