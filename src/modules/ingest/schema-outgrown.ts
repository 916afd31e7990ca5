/** Thrown where records that are right in themselves do not fit a table that learns from them. */
export class SchemaOutgrown extends Error {
  constructor() {
    super('the records do not fit the schema');
    this.name = 'SchemaOutgrown';
  }
}
