"""``ek_schema_gen.{h,c}``: descriptions of every table for the verifier, typed getters, and the attribute decoder."""

from __future__ import annotations

from edgekit.dev.codegen.names import c_field, snake
from edgekit.dev.codegen.ops_c import BANNER
from edgekit.dev.codegen.schema import SIZES, Field, Reflection, attrs_table_name, reflect
from edgekit.ops import Attr, Enum, Floats, Ints, all_ops

_C = {"bool": "bool", "f32": "float", "f64": "double"} | {f"{p}{b}": f"{'u' * (p == 'u')}int{b}_t" for p in "iu" for b in (8, 16, 32, 64)}
_VECTOR_KINDS = {k: f"EK_FB_VECTOR_{k.upper()}" for k in ("scalar", "string", "table", "struct")}


def _base_tables(r: Reflection) -> dict[str, list[Field]]:
    """The tables that are not an operator's attributes."""
    members = set(r.union.values())
    return {n: f for n, f in r.tables.items() if n not in members}


def header() -> str:
    """The text of ``ek_schema_gen.h``."""
    r = reflect()
    out = [BANNER, '#ifndef EK_SCHEMA_GEN_H\n#define EK_SCHEMA_GEN_H\n\n#include "ek_ops_gen.h"\n#include "model/flatbuffer.h"\n']
    for name, fields in _base_tables(r).items():
        for f in fields:
            fn, at = f"ek_fb_{snake(name)}_{f.name}", 4 + 2 * f.slot
            if f.kind == "scalar":
                c = _C[f.element]
                out.append(f"static inline {c} {fn}(ek_fb_table t) {{ return ek_fb_get_{f.element}(t, {at}, {int(f.default)}); }}")
            elif f.kind == "string":
                out.append(f"static inline const char *{fn}(ek_fb_table t) {{ return ek_fb_get_string(t, {at}); }}")
            elif f.kind in ("table", "union"):
                out.append(f"static inline ek_fb_table {fn}(ek_fb_table t) {{ return ek_fb_get_table(t, {at}); }}")
            else:
                out.append(f"static inline ek_fb_vector {fn}(ek_fb_table t) {{ return ek_fb_get_vector(t, {at}); }}")
    for name, (size, align, layout) in r.structs.items():
        fields_c = " ".join(f"{_C[t]} {n};" for n, t, _ in layout)
        out.append(f"\ntypedef struct ek_fb_{snake(name)} {{ {fields_c} }} ek_fb_{snake(name)};")
        out.append(f'_Static_assert(sizeof(ek_fb_{snake(name)}) == {size}, "layout of {name}, aligned to {align}");')
    out.append(
        """
/* Checks the flatbuffer part of a model file; see ek_fb_verify. */
ek_status ek_schema_verify(const uint8_t *data, size_t size, ek_error *error);
/* Fills the attribute struct of operator `op` from its table (NULL: all defaults). `tag` is the union's: it must name that operator.
 * Enumerations out of range fail with EK_ERR_BAD_MODEL. Lists point into the file. */
ek_status ek_read_attrs(uint32_t op, uint8_t tag, ek_fb_table table, ek_any_attrs *out, ek_error *error);
/* The subgraph index in the i-th graph attribute of operator `op`, -1 where there is none. */
int32_t ek_subgraph_attr(uint32_t op, const ek_any_attrs *attrs, uint32_t i);
"""
    )
    return "\n".join(out) + "\n#endif\n"


def source() -> str:
    """The text of ``ek_schema_gen.c``."""
    r = reflect()
    order = {name: i for i, name in enumerate(r.tables)}
    out = [BANNER, '#include "ek_schema_gen.h"\n\n#include <math.h>\n']
    for name, fields in r.tables.items():
        if fields:
            rows = ",\n".join(f"    {_row(f, order, r)}" for f in fields)
            out.append(f"static const ek_fb_field {snake(name)}_fields[] = {{\n{rows}}};")
    out.append("\nstatic const ek_fb_type types[] = {")
    for name, fields in r.tables.items():
        out.append(f'    {{"{name}", {snake(name) + "_fields" if fields else "NULL"}, {len(fields)}}},')
    out.append("};\n\nstatic uint16_t union_type(uint8_t tag) {\n  switch (tag) {")
    out += [f"    case {tag}: return {order[name]};" for tag, name in sorted(r.union.items())]
    out.append("    default: return UINT16_MAX;\n  }\n}\n")
    out.append("ek_status ek_schema_verify(const uint8_t *data, size_t size, ek_error *error) {")
    out.append(f'  return ek_fb_verify(data, size, "EKM1", types, {order["Model"]}, union_type, error);\n}}\n')
    out.append(_decoder(r))
    return "\n".join(out)


def _row(f: Field, order: dict[str, int], r: Reflection) -> str:
    at = 4 + 2 * f.slot
    if f.kind == "scalar":
        return f"{{{at}, EK_FB_SCALAR, {SIZES[f.element]}, {SIZES[f.element]}, 0}}"
    if f.kind == "string":
        return f"{{{at}, EK_FB_STRING, 4, 4, 0}}"
    if f.kind == "table":
        return f"{{{at}, EK_FB_TABLE, 4, 4, {order[f.element]}}}"
    if f.kind == "union":
        return f"{{{at}, EK_FB_UNION, 4, 4, 0}}"
    kind = _VECTOR_KINDS[f.vector_of]
    if f.vector_of == "scalar":
        return f"{{{at}, {kind}, {SIZES[f.element]}, {SIZES[f.element]}, 0}}"
    if f.vector_of == "struct":
        size, align, _ = r.structs[f.element]
        return f"{{{at}, {kind}, {size}, {align}, 0}}"
    return f"{{{at}, {kind}, 4, 4, {order[f.element] if f.vector_of == 'table' else 0}}}"


def _c_default(f: Field) -> str:
    if f.element == "f32":
        v = float(f.default)
        if v in (float("inf"), float("-inf")):
            return "INFINITY" if v > 0 else "-INFINITY"
        return f"{v!r}f"
    return str(int(f.default))


def _decode(a: Attr, f: Field, member: str) -> list[str]:
    at = 4 + 2 * f.slot
    target = f"out->{member}.{c_field(a.name)}"
    if isinstance(a, Ints | Floats):
        kind = "int64_t" if isinstance(a, Ints) else "float"
        data = f"{target}.data = (const {kind} *)(const void *)v.data;"
        return [f"v = ek_fb_get_vector(table, {at});", data, f"{target}.count = v.count;"]
    lines = [f"{target} = ek_fb_get_{f.element}(table, {at}, {_c_default(f)});"]
    if isinstance(a, Enum):
        lines.append(f'if ({target} >= {len(a.choices)}) return ek_fail(error, EK_ERR_BAD_MODEL, "attribute {a.name} is %u", {target});')
    return lines


def _decoder(r: Reflection) -> str:
    out = ["ek_status ek_read_attrs(uint32_t op, uint8_t tag, ek_fb_table table, ek_any_attrs *out, ek_error *error) {"]
    out.append("  ek_fb_vector v = {NULL, 0};\n  (void)v;\n  memset(out, 0, sizeof *out);")
    out.append("  if (table != NULL && tag != op) {")
    out.append('    return ek_fail(error, EK_ERR_BAD_MODEL, "a node of operator %u carries attributes of operator %u", op, tag);\n  }')
    out.append("  switch (op) {")
    for d in all_ops():
        if not d.attrs:
            continue
        fields = {f.name: f for f in r.tables[attrs_table_name(d.name)]}
        out.append(f"    case {d.id}: /* {d.name} */")
        for a in d.attrs:
            out += [f"      {line}" for line in _decode(a, fields[f"{a.name}_"], c_field(snake(d.name)))]
        out.append("      return EK_OK;")
    out.append("    default: return EK_OK;\n  }\n}\n")
    out.append("int32_t ek_subgraph_attr(uint32_t op, const ek_any_attrs *attrs, uint32_t i) {")
    out.append("  (void)attrs;\n  (void)i;\n  switch (op) {")
    for d in all_ops():
        if d.subgraph_attrs:
            picks = " : ".join(f"i == {k} ? attrs->{c_field(snake(d.name))}.{c_field(n)}" for k, n in enumerate(d.subgraph_attrs))
            out.append(f"    case {d.id}: return {picks} : -1;")
    out.append("    default: return -1;\n  }\n}\n")
    return "\n".join(out)
