#define _GNU_SOURCE
#include "CLinux.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#define MOST_DESCRIPTORS 8

int leat_event_counter(void) {
    int counter = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    return counter < 0 ? -errno : counter;
}

int leat_close_range(uint32_t first, uint32_t last) {
    return syscall(SYS_close_range, first, last, 0) != 0 ? -errno : 0;
}

int leat_socket_pair(int sockets[2]) {
    return socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, sockets) != 0 ? -errno : 0;
}

int leat_poll_set(void) {
    int set = epoll_create1(EPOLL_CLOEXEC);
    return set < 0 ? -errno : set;
}

int leat_poll_add(int set, int descriptor, uint64_t mark) {
    struct epoll_event event = {.events = EPOLLIN, .data = {.u64 = mark}};
    return epoll_ctl(set, EPOLL_CTL_ADD, descriptor, &event) != 0 ? -errno : 0;
}

int leat_poll_add_counter(int set, int counter, uint64_t mark) {
    struct epoll_event event = {.events = EPOLLIN | EPOLLET, .data = {.u64 = mark}};
    return epoll_ctl(set, EPOLL_CTL_ADD, counter, &event) != 0 ? -errno : 0;
}

int leat_poll_remove(int set, int descriptor) {
    return epoll_ctl(set, EPOLL_CTL_DEL, descriptor, NULL) != 0 ? -errno : 0;
}

int leat_poll_wait(int set, uint64_t *marks, uint32_t count, int milliseconds) {
    struct epoll_event events[64];
    int most = count < 64 ? (int)count : 64;
    int ready = epoll_wait(set, events, most, milliseconds);
    if (ready < 0) return errno == EINTR ? 0 : -errno;
    for (int i = 0; i < ready; i++) marks[i] = events[i].data.u64;
    return ready;
}

int leat_pipe(int ends[2]) {
    if (pipe2(ends, O_CLOEXEC) != 0) return -errno;
    return fcntl(ends[0], F_SETFL, O_NONBLOCK) != 0 ? -errno : 0;
}

int leat_send(int socket, const void *bytes, size_t count, const int *descriptors, uint32_t descriptor_count) {
    if (descriptor_count > MOST_DESCRIPTORS) return -EINVAL;
    struct iovec part = {.iov_base = (void *)bytes, .iov_len = count};
    _Alignas(struct cmsghdr) char control[CMSG_SPACE(sizeof(int) * MOST_DESCRIPTORS)] = {0};
    struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1};
    if (descriptor_count > 0) {
        message.msg_control = control;
        message.msg_controllen = CMSG_SPACE(sizeof(int) * descriptor_count);
        struct cmsghdr *header = CMSG_FIRSTHDR(&message);
        header->cmsg_level = SOL_SOCKET;
        header->cmsg_type = SCM_RIGHTS;
        header->cmsg_len = CMSG_LEN(sizeof(int) * descriptor_count);
        memcpy(CMSG_DATA(header), descriptors, sizeof(int) * descriptor_count);
    }
    ssize_t sent;
    do sent = sendmsg(socket, &message, MSG_NOSIGNAL);
    while (sent < 0 && errno == EINTR);
    return sent < 0 ? -errno : (int)sent;
}

int leat_receive(int socket, void *bytes, size_t capacity, int *descriptors, uint32_t *descriptor_count, bool wait) {
    struct iovec part = {.iov_base = bytes, .iov_len = capacity};
    _Alignas(struct cmsghdr) char control[CMSG_SPACE(sizeof(int) * MOST_DESCRIPTORS)];
    uint32_t room = descriptor_count == NULL ? 0 : *descriptor_count;
    struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1};
    if (room > 0) {
        message.msg_control = control;
        message.msg_controllen = sizeof control;
    }
    ssize_t length;
    do length = recvmsg(socket, &message, MSG_CMSG_CLOEXEC | (wait ? 0 : MSG_DONTWAIT));
    while (length < 0 && errno == EINTR);
    if (length < 0) return -errno;
    uint32_t taken = 0;
    bool fits = (message.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) == 0;
    for (struct cmsghdr *header = room > 0 ? CMSG_FIRSTHDR(&message) : NULL; header != NULL;
        header = CMSG_NXTHDR(&message, header)) {
        if (header->cmsg_level != SOL_SOCKET || header->cmsg_type != SCM_RIGHTS) continue;
        size_t count = (header->cmsg_len - CMSG_LEN(0)) / sizeof(int);
        for (size_t i = 0; i < count; i++) {
            int descriptor;
            memcpy(&descriptor, CMSG_DATA(header) + i * sizeof(int), sizeof(int));
            if (taken < room) {
                descriptors[taken++] = descriptor;
            } else {
                close(descriptor);
                fits = false;
            }
        }
    }
    if (!fits) {
        while (taken > 0) close(descriptors[--taken]);
    }
    if (descriptor_count != NULL) *descriptor_count = taken;
    return fits ? (int)length : -EPROTO;
}
