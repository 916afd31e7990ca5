import { ALLOWED_FUNCTIONS, ALLOWED_TABLE_FUNCTIONS } from './functions-allowed.js';
import { notAllowed } from './refusal.js';
import type { Node, Place } from './tree.js';

/** Schemas and catalogs that a call could reach. `main` is where the parser puts its own calls. */
const CATALOG_NAMES = new Set([
  'system',
  'memory',
  'temp',
  'main',
  'pg_catalog',
  'information_schema',
  'recurring',
]);

/** A call in an expression. */
export function checkFunction(node: Node, place: Place): void {
  const name = String(node.function_name).toLowerCase();
  const schema = String(node.schema).toLowerCase();
  const catalog = String(node.catalog).toLowerCase();
  // `price.round()` parses as schema `price`: a column there, as long as no schema has that name.
  const schemaIsColumn = schema !== '' && !CATALOG_NAMES.has(schema);
  const catalogIsTable = catalog === '' || (schemaIsColumn && !CATALOG_NAMES.has(catalog));
  if (
    !ALLOWED_FUNCTIONS.has(name) ||
    !(schema === '' || schema === 'main' || schemaIsColumn) ||
    !catalogIsTable
  ) {
    throw refused(node, place);
  }
}

/** A call in FROM: without any schema. */
export function checkTableFunction(node: Node, place: Place): void {
  const name = String(node.function_name).toLowerCase();
  if (!ALLOWED_TABLE_FUNCTIONS.has(name) || node.schema !== '' || node.catalog !== '')
    throw refused(node, place);
}

function refused(node: Node, place: Place): Error {
  const name = [node.catalog, node.schema, node.function_name]
    .map(String)
    .filter((part) => part !== '')
    .join('.');
  return notAllowed(name, `the function ${name} is not allowed`, place.offset);
}
