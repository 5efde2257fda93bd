/* SPDX-License-Identifier: GPL-2.0-or-later  (plugins are loaded into QEMU, a GPL program)
 *
 * QEMU user-mode plugin (API version 1, qemu-user 7.2): counts the guest instructions executed between two marks.
 * The guest marks by system calls that do nothing else: close(0x7E5A0001) begins, close(0x7E5A0002) ends.
 * Writes "INSTRUCTIONS\n" of the last interval to the file named by the argument out=FILE. Exact for one guest thread.
 */
#include <inttypes.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

/* The part of the plugin interface that is used; its header is not in Debian's package. */
typedef uint64_t qemu_plugin_id_t;
typedef struct qemu_info qemu_info_t;
struct qemu_plugin_tb;
enum qemu_plugin_op { QEMU_PLUGIN_INLINE_ADD_U64 };
void qemu_plugin_register_vcpu_tb_trans_cb(qemu_plugin_id_t id, void (*cb)(qemu_plugin_id_t, struct qemu_plugin_tb *));
size_t qemu_plugin_tb_n_insns(const struct qemu_plugin_tb *tb);
void qemu_plugin_register_vcpu_tb_exec_inline(struct qemu_plugin_tb *tb, enum qemu_plugin_op op, void *counter, uint64_t amount);
void qemu_plugin_register_vcpu_syscall_cb(qemu_plugin_id_t id, void (*cb)(qemu_plugin_id_t, unsigned, int64_t, uint64_t, uint64_t, uint64_t,
                                                                           uint64_t, uint64_t, uint64_t, uint64_t, uint64_t));

#define EXPORT __attribute__((visibility("default")))
EXPORT int qemu_plugin_version = 1;

enum { SYS_CLOSE_AARCH64 = 57, MARK_BEGIN = 0x7E5A0001, MARK_END = 0x7E5A0002 };

static uint64_t executed, begin;
static char path[1024];

static void translate(qemu_plugin_id_t id, struct qemu_plugin_tb *tb) {
  (void)id;
  qemu_plugin_register_vcpu_tb_exec_inline(tb, QEMU_PLUGIN_INLINE_ADD_U64, &executed, qemu_plugin_tb_n_insns(tb));
}

static void system_call(qemu_plugin_id_t id, unsigned vcpu, int64_t number, uint64_t a1, uint64_t a2, uint64_t a3, uint64_t a4, uint64_t a5,
                        uint64_t a6, uint64_t a7, uint64_t a8) {
  (void)id, (void)vcpu, (void)a2, (void)a3, (void)a4, (void)a5, (void)a6, (void)a7, (void)a8;
  if (number != SYS_CLOSE_AARCH64) {
    return;
  }
  if ((uint32_t)a1 == MARK_BEGIN) {
    begin = executed;
  } else if ((uint32_t)a1 == MARK_END) {
    FILE *out = fopen(path, "w");
    if (out != NULL) {
      (void)fprintf(out, "%" PRIu64 "\n", executed - begin);
      (void)fclose(out);
    }
  }
}

EXPORT int qemu_plugin_install(qemu_plugin_id_t id, const qemu_info_t *info, int argc, char **argv) {
  (void)info;
  for (int i = 0; i < argc; i++) {
    if (strncmp(argv[i], "out=", 4) == 0) {
      (void)snprintf(path, sizeof path, "%s", argv[i] + 4);
    }
  }
  if (path[0] == 0) {
    return -1;
  }
  qemu_plugin_register_vcpu_tb_trans_cb(id, translate);
  qemu_plugin_register_vcpu_syscall_cb(id, system_call);
  return 0;
}
