#include "model/flatbuffer.h"

/* How deep tables nest in any schema this reads; the model schema needs four. */
#define MAX_DEPTH 8

typedef struct verifier {
  const uint8_t *data;
  size_t size;
  /* Offsets may point at one table many times over, so work is bounded by what an honest file of this size could hold. */
  size_t budget;
  const ek_fb_type *types;
  uint16_t (*union_type)(uint8_t tag);
  ek_error *error;
} verifier;

static ek_status bad(verifier *v, size_t at, const char *what) {
  return ek_fail(v->error, EK_ERR_BAD_MODEL, "not a valid model: %s at byte %zu of %zu", what, at, v->size);
}

static uint16_t u16_at(const verifier *v, size_t at) {
  uint16_t x;
  memcpy(&x, v->data + at, sizeof x);
  return x;
}

static uint32_t u32_at(const verifier *v, size_t at) {
  uint32_t x;
  memcpy(&x, v->data + at, sizeof x);
  return x;
}

static bool inside(const verifier *v, size_t at, size_t bytes) { return at <= v->size && bytes <= v->size - at; }

static ek_status spend(verifier *v, size_t at, size_t bytes) {
  if (bytes > v->budget) {
    return bad(v, at, "tables overlap too often");
  }
  v->budget -= bytes;
  return EK_OK;
}

/* Follows the 32-bit offset stored at `at`. */
static ek_status follow(verifier *v, size_t at, size_t *target) {
  if (!inside(v, at, 4) || at % 4 != 0) {
    return bad(v, at, "an offset lies outside the file");
  }
  const uint32_t offset = u32_at(v, at);
  if (offset == 0 || offset > v->size - at) {
    return bad(v, at, "an offset points outside the file");
  }
  *target = at + offset;
  return EK_OK;
}

/* Checks a vector's length field and its elements' room; gives the place of the first element. */
static ek_status vector(verifier *v, size_t at, size_t size, size_t align, size_t *first, uint32_t *count) {
  if (!inside(v, at, 4) || at % 4 != 0) {
    return bad(v, at, "a vector lies outside the file");
  }
  *count = u32_at(v, at);
  *first = at + 4;
  if (*count > (v->size - *first) / size) {
    return bad(v, at, "a vector is longer than the file");
  }
  if (*count != 0 && *first % align != 0) {
    return bad(v, at, "a vector is not aligned");
  }
  return spend(v, at, 4 + *count * size);
}

static ek_status string(verifier *v, size_t at) {
  size_t first;
  uint32_t count;
  EK_TRY(vector(v, at, 1, 1, &first, &count));
  if (!inside(v, first, (size_t)count + 1) || v->data[first + count] != 0) {
    return bad(v, at, "a string does not end");
  }
  return EK_OK;
}

static ek_status table(verifier *v, size_t at, uint16_t type, int depth);

static ek_status field(verifier *v, size_t at, size_t tag_at, const ek_fb_field *f, int depth) {
  size_t target, first;
  uint32_t count;
  if (f->kind == EK_FB_SCALAR) {
    return EK_OK;
  }
  EK_TRY(follow(v, at, &target));
  switch ((ek_fb_kind)f->kind) {
    case EK_FB_STRING: return string(v, target);
    case EK_FB_TABLE: return table(v, target, f->type, depth + 1);
    case EK_FB_UNION: {
      const uint16_t member = tag_at == 0 ? UINT16_MAX : v->union_type(v->data[tag_at]);
      return member == UINT16_MAX ? bad(v, at, "a union of unknown type") : table(v, target, member, depth + 1);
    }
    case EK_FB_VECTOR_SCALAR:
    case EK_FB_VECTOR_STRUCT: return vector(v, target, f->size, f->align, &first, &count);
    case EK_FB_VECTOR_STRING:
    case EK_FB_VECTOR_TABLE:
      EK_TRY(vector(v, target, 4, 4, &first, &count));
      for (uint32_t i = 0; i < count; i++) {
        size_t element;
        EK_TRY(follow(v, first + 4 * (size_t)i, &element));
        EK_TRY(f->kind == EK_FB_VECTOR_STRING ? string(v, element) : table(v, element, f->type, depth + 1));
      }
      return EK_OK;
    default: return bad(v, at, "a field of unknown kind");
  }
}

static ek_status table(verifier *v, size_t at, uint16_t type, int depth) {
  if (depth > MAX_DEPTH) {
    return bad(v, at, "tables nest too deeply");
  }
  if (!inside(v, at, 4) || at % 4 != 0) {
    return bad(v, at, "a table lies outside the file");
  }
  int32_t soffset;
  memcpy(&soffset, v->data + at, sizeof soffset);
  const int64_t vtable64 = (int64_t)at - soffset;
  if (vtable64 < 0 || (uint64_t)vtable64 > v->size || vtable64 % 2 != 0 || !inside(v, (size_t)vtable64, 4)) {
    return bad(v, at, "a vtable lies outside the file");
  }
  const size_t vtable = (size_t)vtable64;
  const uint16_t vsize = u16_at(v, vtable), tsize = u16_at(v, vtable + 2);
  if (vsize < 4 || vsize % 2 != 0 || !inside(v, vtable, vsize) || tsize < 4 || !inside(v, at, tsize)) {
    return bad(v, vtable, "a vtable has impossible sizes");
  }
  EK_TRY(spend(v, at, (size_t)tsize + vsize));
  const ek_fb_type *t = &v->types[type];
  size_t before = 0; /* the field just seen: where a union's tag lies */
  for (uint16_t i = 0; i < t->field_count; i++) {
    const ek_fb_field *f = &t->fields[i];
    const uint16_t offset = f->voffset + 2 > vsize ? 0 : u16_at(v, vtable + f->voffset);
    if (offset == 0) {
      before = 0;
      continue;
    }
    const size_t bytes = f->kind == EK_FB_SCALAR ? f->size : 4, align = f->kind == EK_FB_SCALAR ? f->align : 4;
    if (offset < 4 || offset + bytes > tsize || (at + offset) % align != 0) {
      return bad(v, vtable + f->voffset, "a field lies outside its table or is not aligned");
    }
    EK_TRY(field(v, at + offset, before, f, depth));
    before = at + offset;
  }
  return EK_OK;
}

ek_status ek_fb_verify(const uint8_t *data, size_t size, const char *identifier, const ek_fb_type *types, uint16_t root,
                       uint16_t (*union_type)(uint8_t tag), ek_error *error) {
  verifier v = {data, size, 0, types, union_type, error};
  v.budget = size > SIZE_MAX / 8 ? SIZE_MAX : size * 8;
  if (size < 12 || memcmp(data + 4, identifier, 4) != 0) {
    return ek_fail(error, EK_ERR_BAD_MODEL,
                   "not a valid model: the file does not carry the mark '%s'; is it an .ekm file, and whole?",
                   identifier);
  }
  if ((uintptr_t)data % 8 != 0) {
    return ek_fail(error, EK_ERR_INVALID_ARGUMENT, "the model's bytes are not aligned");
  }
  size_t at;
  EK_TRY(follow(&v, 0, &at));
  return table(&v, at, root, 0);
}

ek_fb_table ek_fb_root(const uint8_t *data) { return ek_fb_follow(data); }
