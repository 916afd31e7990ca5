import type { OpenAPIObject } from '@nestjs/swagger';
import { html, page, type Html } from './html.js';

type SchemaOrRef = NonNullable<NonNullable<OpenAPIObject['components']>['schemas']>[string];
type Schema = Exclude<SchemaOrRef, { $ref: string }>;
type PathItem = OpenAPIObject['paths'][string];
type Operation = NonNullable<PathItem['get']>;
type Content = Record<
  string,
  { schema?: SchemaOrRef; example?: unknown; examples?: Record<string, unknown> }
>;

const METHODS = ['get', 'post', 'put', 'patch', 'delete'] as const;

/** The API document as one page that needs nothing else: no script, no request. */
export function renderDocsPage(document: OpenAPIObject): string {
  const calls = Object.entries(document.paths).flatMap(([path, item]) =>
    METHODS.flatMap((method) => {
      const operation = item[method];
      return operation === undefined ? [] : [{ path, method: method.toUpperCase(), operation }];
    }),
  );
  const toc = calls.map(
    ({ path, method, operation }) =>
      html`<tr>
        <td><code>${method}</code></td>
        <td>
          <a href="#${idOf(operation)}"><code>${path}</code></a>
        </td>
        <td>${operation.summary}</td>
      </tr>`,
  );
  const schemas = Object.entries(document.components?.schemas ?? {});
  return page(
    `${document.info.title} API`,
    html`<h1>${document.info.title} API, version ${document.info.version}</h1>
      <p>${document.info.description}</p>
      <p><a href="/v1/openapi.json">OpenAPI document</a>, <a href="/docs/errors">errors</a></p>
      <table>
        ${toc}
      </table>
      ${calls.map(({ path, method, operation }) => callSection(path, method, operation))}
      <h2>Schemas</h2>
      ${schemas.map(
        ([name, schema]) =>
          html`<section id="schema-${name}">
            <h3>${name}</h3>
            ${schemaBody(schema)}
          </section>`,
      )}`,
  );
}

const idOf = (operation: Operation): string => operation.operationId ?? '';

function callSection(path: string, method: string, operation: Operation): Html {
  const parameters = (operation.parameters ?? []).flatMap((p) => ('$ref' in p ? [] : [p]));
  const body = operation.requestBody;
  return html`<section id="${idOf(operation)}">
    <h2><code>${method} ${path}</code></h2>
    <p>${operation.summary}</p>
    ${operation.description === undefined ? undefined : html`<p>${operation.description}</p>`}
    ${
      parameters.length === 0
        ? undefined
        : html`<h3>Parameters</h3>
            <table>
              ${parameters.map(
                (p) =>
                  html`<tr>
                    <td><code>${p.name}</code></td>
                    <td>${p.in}${p.required ? ', required' : ''}</td>
                    <td>${p.schema && schemaText(p.schema)}</td>
                    <td>${p.description}</td>
                  </tr>`,
              )}
            </table>`
    }
    ${
      body === undefined || '$ref' in body
        ? undefined
        : html`<h3>Body</h3>
            ${contentTable(body.content)}`
    }
    <h3>Answers</h3>
    ${Object.entries(operation.responses).map(([status, response]) =>
      response === undefined || '$ref' in response
        ? undefined
        : html`<p><code>${status}</code> ${response.description}</p>
            ${contentTable((response.content ?? {}) as Content)}`,
    )}
  </section>`;
}

function contentTable(content: Content): Html[] {
  return Object.entries(content).map(([type, { schema, example, examples }]) => {
    const shown = [
      ...(example === undefined ? [] : [example]),
      ...Object.values(examples ?? {}).map(exampleValue),
    ];
    const fields =
      schema !== undefined && !('$ref' in schema) && schema.properties !== undefined
        ? schemaBody(schema)
        : undefined;
    return html`<p><code>${type}</code>${schema && html`: ${schemaText(schema)}`}</p>
      ${fields}${shown.map(
        (value) => html`<pre>${typeof value === 'string' ? value : JSON.stringify(value, null, 2)}</pre>`,
      )}`;
  });
}

function exampleValue(example: unknown): unknown {
  return typeof example === 'object' && example !== null && 'value' in example ? example.value : example;
}

function schemaBody(schema: SchemaOrRef): Html {
  if ('$ref' in schema || schema.properties === undefined) return html`<p>${schemaText(schema)}</p>`;
  const required = new Set(schema.required ?? []);
  const rows = Object.entries(schema.properties).map(([name, field]) => {
    const description = '$ref' in field ? undefined : field.description;
    return html`<tr>
      <td><code>${name}</code></td>
      <td>${required.has(name) ? 'required' : ''}</td>
      <td>${schemaText(field)}</td>
      <td>${description}</td>
    </tr>`;
  });
  return html`<p>${schema.description}</p>
    <table>
      ${rows}
    </table>`;
}

/** A schema in a few words, with links to the named ones. */
function schemaText(schema: SchemaOrRef): Html {
  if ('$ref' in schema) {
    const name = schema.$ref.split('/').at(-1) ?? '';
    return html`<a href="#schema-${name}">${name}</a>`;
  }
  const choices = schema.oneOf ?? schema.anyOf ?? schema.allOf;
  if (choices !== undefined)
    return html`${choices.map((choice, index) => html`${index > 0 ? ' or ' : ''}${schemaText(choice)}`)}`;
  if (schema.type === 'array' && schema.items !== undefined)
    return html`array of ${schemaText(schema.items)}`;
  return html`${schema.type ?? 'any'}${schema.format && `, ${schema.format}`}${limitsText(schema)}`;
}

function limitsText(schema: Schema): string {
  const { minimum, maximum, minLength, maxLength, pattern, nullable } = schema;
  const values =
    schema.enum === undefined
      ? undefined
      : `one of ${schema.enum.map((value) => JSON.stringify(value)).join(', ')}`;
  const limits = Object.entries({ minimum, maximum, minLength, maxLength, pattern }).flatMap(
    ([name, limit]) => (limit === undefined ? [] : `${name} ${limit}`),
  );
  const parts = [values, ...limits, nullable === true ? 'or null' : undefined, defaultText(schema)].filter(
    (part) => part !== undefined,
  );
  return parts.length === 0 ? '' : `; ${parts.join('; ')}`;
}

function defaultText(schema: Schema): string | undefined {
  return schema.default === undefined ? undefined : `default ${JSON.stringify(schema.default)}`;
}
