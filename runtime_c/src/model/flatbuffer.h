/* Reading FlatBuffers: one verifier driven by the generated type descriptions, and typed access to verified tables.
 * Binary format: https://flatbuffers.dev/internals/ . Little-endian hosts only (checked at load). */
#ifndef EK_MODEL_FLATBUFFER_H
#define EK_MODEL_FLATBUFFER_H

#include <string.h>

#include "base/error.h"

typedef enum ek_fb_kind {
  EK_FB_SCALAR,
  EK_FB_STRING,
  EK_FB_TABLE,
  EK_FB_UNION, /* its type tag is the scalar field right before it */
  EK_FB_VECTOR_SCALAR,
  EK_FB_VECTOR_STRING,
  EK_FB_VECTOR_TABLE,
  EK_FB_VECTOR_STRUCT
} ek_fb_kind;

typedef struct ek_fb_field {
  uint16_t voffset; /* place of the field's entry in the vtable */
  uint8_t kind;
  uint8_t size;  /* bytes of the scalar, or of one vector element */
  uint8_t align; /* of the scalar or the elements */
  uint16_t type; /* index of the table's description, for tables and vectors of tables */
} ek_fb_field;

typedef struct ek_fb_type {
  const char *name;
  const ek_fb_field *fields;
  uint16_t field_count;
} ek_fb_type;

/* A verified table: the address of its first byte. NULL stands for an absent table; every getter then gives the default. */
typedef const uint8_t *ek_fb_table;

/* A verified vector. Elements of offset vectors are reached by ek_fb_vector_table / ek_fb_vector_string. */
typedef struct ek_fb_vector {
  const uint8_t *data;
  uint32_t count;
} ek_fb_vector;

/* Checks that `data` (8-byte aligned) is a FlatBuffer with this root type and file identifier, whose every offset stays in bounds and is
 * aligned. `types` are all descriptions; union members are found by `union_type(tag)`, UINT16_MAX for an unknown tag.
 * Fails with EK_ERR_BAD_MODEL and the offset. Time is linear in `size`. */
ek_status ek_fb_verify(const uint8_t *data, size_t size, const char *identifier, const ek_fb_type *types, uint16_t root,
                       uint16_t (*union_type)(uint8_t tag), ek_error *error);

ek_fb_table ek_fb_root(const uint8_t *data);

static inline const uint8_t *ek_fb_field_at(ek_fb_table table, uint16_t voffset) {
  if (table == NULL) {
    return NULL;
  }
  int32_t soffset;
  uint16_t vsize, at;
  memcpy(&soffset, table, sizeof soffset);
  const uint8_t *vtable = table - soffset;
  memcpy(&vsize, vtable, sizeof vsize);
  if (voffset + 2u > vsize) {
    return NULL;
  }
  memcpy(&at, vtable + voffset, sizeof at);
  return at == 0 ? NULL : table + at;
}

#define EK_FB_GETTER(suffix, type)                                                         \
  static inline type ek_fb_get_##suffix(ek_fb_table table, uint16_t voffset, type value) { \
    const uint8_t *p = ek_fb_field_at(table, voffset);                                     \
    if (p != NULL) {                                                                       \
      memcpy(&value, p, sizeof value);                                                     \
    }                                                                                      \
    return value;                                                                          \
  }
EK_FB_GETTER(i8, int8_t)
EK_FB_GETTER(u8, uint8_t)
EK_FB_GETTER(i16, int16_t)
EK_FB_GETTER(u16, uint16_t)
EK_FB_GETTER(i32, int32_t)
EK_FB_GETTER(u32, uint32_t)
EK_FB_GETTER(i64, int64_t)
EK_FB_GETTER(u64, uint64_t)
EK_FB_GETTER(f32, float)
EK_FB_GETTER(f64, double)
#undef EK_FB_GETTER

static inline bool ek_fb_get_bool(ek_fb_table table, uint16_t voffset, bool value) {
  return ek_fb_get_u8(table, voffset, (uint8_t)value) != 0;
}

static inline const uint8_t *ek_fb_follow(const uint8_t *p) {
  uint32_t offset;
  memcpy(&offset, p, sizeof offset);
  return p + offset;
}

static inline ek_fb_table ek_fb_get_table(ek_fb_table table, uint16_t voffset) {
  const uint8_t *p = ek_fb_field_at(table, voffset);
  return p == NULL ? NULL : ek_fb_follow(p);
}

/* "" where absent. Strings end with a 0 byte: the verifier checks. */
static inline const char *ek_fb_get_string(ek_fb_table table, uint16_t voffset) {
  const uint8_t *p = ek_fb_field_at(table, voffset);
  return p == NULL ? "" : (const char *)ek_fb_follow(p) + 4;
}

static inline ek_fb_vector ek_fb_get_vector(ek_fb_table table, uint16_t voffset) {
  ek_fb_vector v = {NULL, 0};
  const uint8_t *p = ek_fb_field_at(table, voffset);
  if (p != NULL) {
    p = ek_fb_follow(p);
    memcpy(&v.count, p, sizeof v.count);
    v.data = p + 4;
  }
  return v;
}

static inline ek_fb_table ek_fb_vector_table(ek_fb_vector v, uint32_t i) {
  return ek_fb_follow(v.data + 4 * (size_t)i);
}
static inline const char *ek_fb_vector_string(ek_fb_vector v, uint32_t i) {
  return (const char *)ek_fb_follow(v.data + 4 * (size_t)i) + 4;
}

#endif
