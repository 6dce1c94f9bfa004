// Renders an OpenAPI description as Markdown: the routes with their requests and responses, then the
// schemas as tables of fields.

const NAME = "#/components/schemas/";

/** Vue reads `{{` and `<` in Markdown, and a cell of a table ends at `|`. */
const inline = (text) =>
  text.replaceAll("|", "\\|").replaceAll("<", "&lt;").replaceAll("{{", "&#123;&#123;").replace(/\s+/g, " ");

const linkTo = (name) => `[${name}](#${name.toLowerCase()})`;

export function renderHttp({ info, paths, components }) {
  const routes = Object.entries(paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, route]) => ({ method, path, ...route })),
  );
  return [
    "---\noutline: [2, 3]\n---\n\n# HTTP API",
    `\`crossrank serve\` answers on these routes. ${inline(info.description)}`,
    "The server describes itself at `/openapi.json`, from which this page is made. Where a server has tokens, a " +
      "request carries one in the header `authorization: Bearer TOKEN`, `x-api-key` or `api-key`.",
    "## Routes",
    ...routes.map(renderRoute),
    "## Statuses",
    renderStatuses(routes),
    "## Schemas",
    "A field with an asterisk is required.",
    ...Object.entries(components.schemas).map(([name, schema]) => renderSchema(name, schema)),
    "",
  ].join("\n\n");
}

function renderRoute({ method, path, summary, description, requestBody, parameters = [], responses }) {
  const body = contentOf(requestBody);
  const isError = ([status]) => Number(status) >= 400;
  const errors = Object.entries(responses).filter(isError);
  const bodies = new Set(errors.map(([, response]) => contentOf(response)));
  return [
    `### \`${method.toUpperCase()} ${path}\``,
    [summary && `${inline(summary)}.`, description && inline(description)].filter(Boolean).join(" "),
    ...parameters.map(({ name, in: place, description = "" }) => {
      return `Parameter \`${name}\` in the ${place}. ${inline(description)}`;
    }),
    body && `Request: ${body}`,
    ...Object.entries(responses)
      .filter((entry) => !isError(entry))
      .map(([status, response]) => {
        const type = contentOf(response);
        return `Response ${status}: ${type ? `${type}. ` : ""}${inline(response.description)}.`;
      }),
    errors.length > 0 &&
      `Errors: ${errors.map(([status]) => status).join(", ")}, with ${[...bodies].filter(Boolean).join(" or ") || "a text"}.`,
  ]
    .filter(Boolean)
    .join("\n\n");
}

/** What each status means. A route may have its own meaning for one. */
function renderStatuses(routes) {
  const meanings = new Map();
  for (const { responses } of routes) {
    for (const [status, { description }] of Object.entries(responses)) {
      if (Number(status) < 400) continue;
      meanings.set(status, (meanings.get(status) ?? new Set()).add(inline(description)));
    }
  }
  const rows = [...meanings].sort().map(([status, texts]) => `| ${status} | ${[...texts].join(". Or: ")} |`);
  return ["| Status | Meaning |", "|---|---|", ...rows].join("\n");
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
  const description = schema.description && inline(schema.description);
  const alternatives = schema.oneOf ?? schema.anyOf;
  const fields = schema.properties ?? (schema.items?.properties && schema.items.properties);
  const { required = [] } = schema.properties ? schema : (schema.items ?? {});
  const rows = Object.entries(fields ?? {}).map(([field, type]) => {
    const notes = [type.description && inline(type.description), ...limitsOf(type)].filter(Boolean);
    return `| \`${field}\`${required.includes(field) ? " \\*" : ""} | ${typeOf(type)} | ${notes.join(" ")} |`;
  });
  return [
    heading,
    description,
    !schema.properties && schema.items?.properties && "An array of objects:",
    !fields && (alternatives ? `One of ${alternatives.map(typeOf).join(", ")}` : typeOf(schema)),
    rows.length > 0 && ["| Field | Type | Notes |", "|---|---|---|", ...rows].join("\n"),
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
