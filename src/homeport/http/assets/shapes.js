// JSON Schema as people write types: { user_id: string, quantity?: integer = 1 }.

const DEPTH = 6;

export function shapeOf(schema, api, depth = DEPTH, indent = "") {
  if (schema === true || schema === undefined || Object.keys(schema).length === 0) return "any";
  if (schema.$ref) return reference(schema.$ref, api, depth, indent);
  if ("const" in schema) return JSON.stringify(schema.const);
  if (schema.enum) return schema.enum.map((value) => JSON.stringify(value)).join(" | ");
  const options = schema.anyOf || schema.oneOf;
  if (options) return options.map((option) => shapeOf(option, api, depth, indent)).join(" | ");
  if (schema.allOf) return schema.allOf.map((part) => shapeOf(part, api, depth, indent)).join(" & ");
  if (Array.isArray(schema.type)) return schema.type.map((type) => shapeOf({ ...schema, type }, api, depth, indent)).join(" | ");
  if (schema.type === "array" || schema.prefixItems) return list(schema, api, depth, indent);
  if (schema.type === "object" || schema.properties) return object(schema, api, depth, indent);
  const format = schema.format || schema.contentEncoding;
  return [format ? `${schema.type} (${format})` : schema.type || "any", ...limits(schema)].join(" ");
}

function reference(ref, api, depth, indent) {
  const name = ref.split("/").at(-1);
  const target = api.components.schemas[name];
  if (!target || depth <= 0) return name;
  return shapeOf(target, api, depth - 1, indent);
}

function list(schema, api, depth, indent) {
  if (schema.prefixItems) return `[${schema.prefixItems.map((item) => shapeOf(item, api, depth, indent)).join(", ")}]`;
  const item = shapeOf(schema.items, api, depth, indent);
  return item.includes(" | ") && !item.startsWith("{") ? `(${item})[]` : `${item}[]`;
}

function object(schema, api, depth, indent) {
  const required = new Set(schema.required || []);
  const inner = `${indent}  `;
  const lines = Object.entries(schema.properties || {}).map(([name, property]) => {
    const usual = property.default !== undefined ? ` = ${JSON.stringify(property.default)}` : "";
    return `${inner}${name}${required.has(name) ? "" : "?"}: ${shapeOf(property, api, depth, inner)}${usual}`;
  });
  const other = schema.additionalProperties;
  if (other && typeof other === "object") lines.push(`${inner}[name]: ${shapeOf(other, api, depth, inner)}`);
  return lines.length ? `{\n${lines.join("\n")}\n${indent}}` : "{}";
}

function limits(schema) {
  const said = [];
  if (schema.minimum !== undefined && schema.maximum !== undefined) return [`${schema.minimum} to ${schema.maximum}`];
  if (schema.minimum !== undefined) said.push(`≥ ${schema.minimum}`);
  if (schema.exclusiveMinimum !== undefined) said.push(`> ${schema.exclusiveMinimum}`);
  if (schema.maximum !== undefined) said.push(`≤ ${schema.maximum}`);
  if (schema.exclusiveMaximum !== undefined) said.push(`< ${schema.exclusiveMaximum}`);
  if (schema.maxLength !== undefined) said.push(`up to ${schema.maxLength} characters`);
  if (schema.pattern) said.push(`like ${schema.pattern}`);
  return said;
}
