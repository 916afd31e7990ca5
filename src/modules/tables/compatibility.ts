import { columnTypeText, type Column } from '../../kernel/index.js';
import { pathText, type ColumnPath } from './column-path.js';

export const COMPATIBILITY_MODES = ['none', 'backward', 'forward', 'full'] as const;

/**
 * What the next version of a schema owes to those who know the last one: `backward` to writers (each event that the
 * last version took is taken), `forward` to readers (each query over the last version's columns runs, and finds the
 * values that it expects), `full` to both, `none` to nobody.
 */
export type CompatibilityMode = (typeof COMPATIBILITY_MODES)[number];

/** A change that the mode refuses. */
export interface Incompatibility {
  /** The column's name in the last version. */
  readonly column: string;
  readonly rule: CompatibilityRule;
  readonly message: string;
  /** Modes that take the change. */
  readonly allowed: readonly string[];
}

type Party = 'backward' | 'forward';

interface Rule {
  /** Whom the change would break. */
  readonly breaks: readonly Party[];
  /** `after` is undefined where the column is gone. */
  readonly applies: (before: Column, after: Column | undefined) => boolean;
  readonly message: (before: Column, after: Column | undefined) => string;
}

const RULES = {
  column_dropped: {
    breaks: ['backward', 'forward'],
    applies: (_, after) => after === undefined,
    message: () => 'it would be gone for those who write or read it',
  },
  column_renamed: {
    breaks: ['backward', 'forward'],
    applies: (before, after) => after !== undefined && after.name !== before.name,
    message: (_, after) => `those who write or read it do not know the name "${after?.name}"`,
  },
  default_removed: {
    breaks: ['backward'],
    applies: (before, after) =>
      after !== undefined && !after.nullable && hasDefault(before) && !hasDefault(after),
    message: () => 'it is not nullable: events that lack it would be refused',
  },
  type_widened: {
    breaks: ['forward'],
    applies: (before, after) => after !== undefined && after.type !== before.type,
    message: (before, after) =>
      `those who read ${columnTypeText(before)} may meet values of ${after && columnTypeText(after)}`,
  },
  null_allowed: {
    breaks: ['forward'],
    applies: (before, after) => after !== undefined && after.nullable && !before.nullable,
    message: () => 'those who read it do not expect null',
  },
} as const satisfies Readonly<Record<string, Rule>>;

export type CompatibilityRule = keyof typeof RULES;

const PARTIES: Readonly<Record<CompatibilityMode, readonly Party[]>> = {
  none: [],
  backward: ['backward'],
  forward: ['forward'],
  full: ['backward', 'forward'],
};

const modesFor = (rule: CompatibilityRule): string[] =>
  COMPATIBILITY_MODES.filter(
    (mode) => !RULES[rule].breaks.some((party) => PARTIES[mode].includes(party)),
  ).map((mode) => `compatibility_mode: ${mode}`);

const hasDefault = (column: Column): boolean => column.default !== undefined && column.default !== null;

/**
 * Everything that `mode` refuses about going from one version's columns to the next's, parts of nested ones included.
 * Columns are told by their ids. A part whose whole is gone is not named.
 */
export function incompatibilities(
  before: readonly Column[],
  after: readonly Column[],
  mode: CompatibilityMode,
): Incompatibility[] {
  const owed = PARTIES[mode];
  if (owed.length === 0) return [];
  const rules = (Object.entries(RULES) as [CompatibilityRule, Rule][]).filter(([, { breaks }]) =>
    breaks.some((party) => owed.includes(party)),
  );
  const judge = (
    columns: readonly Column[],
    next: readonly Column[],
    parents: readonly Column[],
  ): Incompatibility[] => {
    const byId = new Map(
      next.flatMap((column) => [column.id, ...(column.formerIds ?? [])].map((id) => [id, column])),
    );
    return columns.flatMap((column) => {
      const successor = byId.get(column.id);
      const path: ColumnPath = [...parents, column] as unknown as ColumnPath;
      const own = rules.flatMap(([rule, { applies, message }]) =>
        applies(column, successor)
          ? [{ column: pathText(path), rule, message: message(column, successor), allowed: modesFor(rule) }]
          : [],
      );
      const parts = successor?.fields === undefined ? [] : (column.fields ?? []);
      return [...own, ...judge(parts, successor?.fields ?? [], path)];
    });
  };
  return judge(before, after, []);
}
