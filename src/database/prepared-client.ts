import pg from 'pg';
import { SQLSTATE, sqlStateOf } from './database-errors.js';

const MARK = /^\/\*prepared (\w+)\*\//;

type Query = (config: unknown, ...rest: unknown[]) => unknown;

/**
 * A client that keeps the plans of the statements that `prepared` marks, for as long as the connection lives. A name
 * stands for one text: the driver refuses another. Where a kept plan is no good any more, because the type of a column
 * changed or the session was reset, the statement is planned anew: at once, or, where that ended its transaction, the
 * next time.
 */
export class PreparingClient extends pg.Client {
  /** Part of every name from the first broken plan on: the driver and the server both remember the old names. */
  private generation = 0;
  private readonly send: Query;

  constructor(config?: pg.ClientConfig) {
    super(config);
    this.send = this.query.bind(this);
    this.query = ((config, ...rest) => {
      const name = typeof config === 'string' ? MARK.exec(config)?.[1] : undefined;
      return name === undefined ? this.send(config, ...rest) : this.run(name, config, rest);
    }) as Query as typeof this.query;
  }

  private async run(name: string, text: unknown, rest: readonly unknown[]): Promise<unknown> {
    const { generation } = this;
    const send = () =>
      this.send({ name: this.generation === 0 ? name : `${name}_${this.generation}`, text }, ...rest);
    try {
      return await send();
    } catch (error) {
      if (!isBrokenPlan(error)) throw error;
      this.generation = Math.max(this.generation, generation + 1);
      if (this.getTransactionStatus() !== 'I') throw error;
      return send();
    }
  }
}

/** Both are told before the statement runs. */
function isBrokenPlan(error: unknown): boolean {
  const state = sqlStateOf(error);
  if (state === SQLSTATE.unknownPlan) return true;
  return state === SQLSTATE.notSupported && (error as Error).message.includes('cached plan');
}

/** The mark of a statement that is to be prepared under a name of its own. */
export const preparedMark = (name: string): string => `/*prepared ${name}*/ `;
