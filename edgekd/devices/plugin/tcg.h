/*
 * The part of QEMU's TCG plugin API, version 1, that edgekd's plugins use (docs/devel/tcg-plugins.rst
 * and include/qemu/qemu-plugin.h of QEMU 7.2), and what the plugins share. Distributions ship the
 * emulator without its header.
 */

#ifndef EDGEKD_TCG_H
#define EDGEKD_TCG_H

#include <inttypes.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define EXPORT __attribute__((visibility("default")))

typedef uint64_t qemu_plugin_id_t;
struct qemu_plugin_tb;
struct qemu_plugin_insn;
struct qemu_info; /* not looked into: its layout is QEMU's own business */
enum qemu_plugin_cb_flags { QEMU_PLUGIN_CB_NO_REGS };
enum qemu_plugin_op { QEMU_PLUGIN_INLINE_ADD_U64 };
typedef void (*translation_callback)(qemu_plugin_id_t id, struct qemu_plugin_tb *tb);
typedef void (*execution_callback)(unsigned int cpu, void *data);
typedef void (*processor_callback)(qemu_plugin_id_t id, unsigned int cpu);
typedef void (*syscall_callback)(qemu_plugin_id_t id, unsigned int cpu, int64_t number, uint64_t a1,
                                 uint64_t a2, uint64_t a3, uint64_t a4, uint64_t a5, uint64_t a6,
                                 uint64_t a7, uint64_t a8);
typedef void (*syscall_return_callback)(qemu_plugin_id_t id, unsigned int cpu, int64_t number,
                                        int64_t result);
typedef void (*exit_callback)(qemu_plugin_id_t id, void *data);

extern void qemu_plugin_register_vcpu_tb_trans_cb(qemu_plugin_id_t id, translation_callback call);
extern void qemu_plugin_register_vcpu_tb_exec_cb(struct qemu_plugin_tb *tb, execution_callback call,
                                                 enum qemu_plugin_cb_flags flags, void *data);
extern void qemu_plugin_register_vcpu_tb_exec_inline(struct qemu_plugin_tb *tb,
                                                     enum qemu_plugin_op operation, void *counter,
                                                     uint64_t addend);
extern void qemu_plugin_register_vcpu_insn_exec_cb(struct qemu_plugin_insn *instruction,
                                                   execution_callback call,
                                                   enum qemu_plugin_cb_flags flags, void *data);
extern void qemu_plugin_register_vcpu_insn_exec_inline(struct qemu_plugin_insn *instruction,
                                                       enum qemu_plugin_op operation,
                                                       void *counter, uint64_t addend);
extern void qemu_plugin_register_vcpu_init_cb(qemu_plugin_id_t id, processor_callback call);
extern void qemu_plugin_register_vcpu_exit_cb(qemu_plugin_id_t id, processor_callback call);
extern void qemu_plugin_register_vcpu_syscall_cb(qemu_plugin_id_t id, syscall_callback call);
extern void qemu_plugin_register_vcpu_syscall_ret_cb(qemu_plugin_id_t id,
                                                     syscall_return_callback call);
extern void qemu_plugin_register_atexit_cb(qemu_plugin_id_t id, exit_callback call, void *data);
extern size_t qemu_plugin_tb_n_insns(const struct qemu_plugin_tb *tb);
extern uint64_t qemu_plugin_tb_vaddr(const struct qemu_plugin_tb *tb);
extern struct qemu_plugin_insn *qemu_plugin_tb_get_insn(const struct qemu_plugin_tb *tb,
                                                        size_t index);
extern uint64_t qemu_plugin_insn_vaddr(const struct qemu_plugin_insn *instruction);
extern size_t qemu_plugin_insn_size(const struct qemu_plugin_insn *instruction);

EXPORT int qemu_plugin_version = 1;
EXPORT int qemu_plugin_install(qemu_plugin_id_t id, const struct qemu_info *info, int argc,
                               char **argv);

static void fail(const char *why)
{
    fprintf(stderr, "edgekd plugin: %s\n", why);
    exit(1);
}

static void *grown(void *memory, size_t count, size_t size)
{
    void *larger = realloc(memory, count * size);
    if (larger == NULL) {
        fail("out of memory");
    }
    return larger;
}

/* The emulator frees its arguments after the installation. */
static char *kept(const char *text)
{
    size_t length = strlen(text) + 1;
    return memcpy(grown(NULL, length, 1), text, length);
}

#endif
