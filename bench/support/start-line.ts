import { readFileSync } from 'node:fs';

/** From dist/bench/support. */
const ROOT = new URL('../../../', import.meta.url);

/** The arguments for Node that `npm start` gives, and the built service: what is measured is what users run. */
export function startLine(): string[] {
  const { scripts } = JSON.parse(readFileSync(new URL('package.json', ROOT), 'utf8')) as {
    readonly scripts: { readonly start: string };
  };
  const [, flags] = /^exec node (.*)dist\/src\/main\.js$/.exec(scripts.start) ?? [];
  if (flags === undefined) throw new Error(`npm start is not what it was: ${scripts.start}`);
  return [...flags.split(' ').filter((flag) => flag !== ''), new URL('dist/src/main.js', ROOT).pathname];
}
