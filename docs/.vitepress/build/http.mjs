// Renders an OpenAPI description as Markdown: the routes with their requests and responses, then the
// schemas as tables of fields.

const NAME = "#/components/schemas/";

/** Vue reads `{{` and `<` in Markdown, and a cell of a table ends at `|`. */
const escape = (text) =>
  text.replaceAll("|", "\\|").replaceAll("<", "&lt;").replaceAll("{{", "&#123;&#123;").replace(/\s+/g, " ");

const linkTo = (name) => `[${name}](#${name.toLowerCase()})`;

export function renderHttp({ info, paths, components }) {
  return [
    "---\noutline: [2, 3]\n---\n\n# HTTP API",
    `\`crossrank serve\` answers on these routes. ${escape(info.description)}`,
    "The server describes itself at `/openapi.json`. Every route but `/health`, `/.well-known/ready` and those two " +
      "may ask for a token, in the header `authorization: Bearer TOKEN`, `x-api-key` or `api-key`.",
    "## Routes",
    ...Object.entries(paths).flatMap(([path, methods]) =>
      Object.entries(methods).map(([method, route]) => renderRoute(method, path, route)),
    ),
    "## Schemas",
    "In the tables, a field with an asterisk is required.",
    ...Object.entries(components.schemas).map(([name, schema]) => renderSchema(name, schema)),
    "",
  ].join("\n\n");
}

function renderRoute(method, path, { summary, description, requestBody, parameters = [], responses }) {
  const body = contentOf(requestBody);
  const answers = Object.entries(responses).map(([status, response]) => {
    return `| ${status} | ${escape(response.description)} | ${contentOf(response) ?? ""} |`;
  });
  return [
    `### \`${method.toUpperCase()} ${path}\``,
    `${escape(summary ?? "")}. ${description ? escape(description) : ""}`.trim(),
    ...parameters.map(({ name, in: place, description = "" }) => {
      return `Parameter \`${name}\` (in the ${place}). ${escape(description)}`;
    }),
    body && `Request: ${body}`,
    ["| Status | Meaning | Body |", "|---|---|---|", ...answers].join("\n"),
  ]
    .filter(Boolean)
    .join("\n\n");
}

/** The types of a body, for each media type. */
function contentOf(body) {
  if (!body?.content) return undefined;
  return Object.entries(body.content)
    .map(([media, { schema }]) => {
      const type = schema ? typeOf(schema) : "";
      return media === "application/json" ? type : `\`${media}\` ${type}`;
    })
    .join(", ");
}

function renderSchema(name, schema) {
  const heading = `### ${name}`;
  const description = schema.description && escape(schema.description);
  const alternatives = schema.oneOf ?? schema.anyOf;
  const fields = schema.properties ?? (schema.items?.properties && schema.items.properties);
  const { required = [] } = schema.properties ? schema : (schema.items ?? {});
  const rows = Object.entries(fields ?? {}).map(([field, type]) => {
    const notes = [type.description && escape(type.description), ...limitsOf(type)].filter(Boolean);
    return `| \`${field}\`${required.includes(field) ? " \\*" : ""} | ${typeOf(type)} | ${notes.join(" ")} |`;
  });
  return [
    heading,
    description,
    !schema.properties && schema.items?.properties && "An array of objects:",
    !fields && (alternatives ? `One of ${alternatives.map(typeOf).join(", ")}` : typeOf(schema)),
    rows.length > 0 && ["| Field | Type | |", "|---|---|---|", ...rows].join("\n"),
  ]
    .filter(Boolean)
    .join("\n\n");
}

function typeOf(schema) {
  if (schema.$ref) return linkTo(schema.$ref.slice(NAME.length));
  if (schema.oneOf ?? schema.anyOf) return (schema.oneOf ?? schema.anyOf).map(typeOf).join(" or ");
  if (schema.enum) return schema.enum.map((value) => `\`${JSON.stringify(value)}\``).join(" or ");
  if ("const" in schema) return `\`${JSON.stringify(schema.const)}\``;
  if (schema.type === "array") return schema.items ? `array of ${typeOf(schema.items)}` : "array";
  if (schema.type === "object" && schema.properties) {
    return `object \\{ ${Object.entries(schema.properties)
      .map(([name, type]) => `\`${name}\`: ${typeOf(type)}`)
      .join(", ")} \\}`;
  }
  if (schema.type === "object" && schema.additionalProperties?.type) {
    return `object of ${typeOf(schema.additionalProperties)}`;
  }
  return [schema.type ?? "any value"].flat().join(" or ");
}

function limitsOf(schema) {
  return [
    "default" in schema && `Default: \`${JSON.stringify(schema.default)}\`.`,
    "minimum" in schema && `At least ${schema.minimum}.`,
    "maximum" in schema && `At most ${schema.maximum}.`,
    schema.contentEncoding && `Encoded as ${schema.contentEncoding}.`,
  ].filter(Boolean);
}
