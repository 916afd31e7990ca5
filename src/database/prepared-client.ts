import pg from 'pg';

const MARK = /^\/\*prepared (\w+)\*\//;

type Query = (config: unknown, ...rest: unknown[]) => unknown;

/**
 * A client that keeps the plans of the statements that `prepared` marks, for as long as the connection lives. A name
 * stands for one text: the driver refuses another.
 */
export class PreparingClient extends pg.Client {
  constructor(config?: pg.ClientConfig) {
    super(config);
    const query = this.query.bind(this) as Query;
    this.query = ((config, ...rest) => query(named(config), ...rest)) as Query as typeof this.query;
  }
}

function named(config: unknown): unknown {
  const name = typeof config === 'string' ? MARK.exec(config)?.[1] : undefined;
  return name === undefined ? config : { name, text: config };
}

/** The mark of a statement that is to be prepared under a name of its own. */
export const preparedMark = (name: string): string => `/*prepared ${name}*/ `;
