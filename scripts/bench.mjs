// npm run bench -- <name> [arguments]: runs one benchmark, each in bench/ and runnable alone.
import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';

const FOLDER = join(import.meta.dirname, '..', 'dist', 'bench');
const names = readdirSync(FOLDER)
  .filter((file) => file.endsWith('.js'))
  .map((file) => file.slice(0, -'.js'.length))
  .sort();
const [name, ...args] = process.argv.slice(2);

if (name === undefined || name === '--help' || name === '-h') {
  console.log(
    `npm run bench -- <name> [arguments]\n\nBenchmarks: ${names.join(', ')}\n\ndocs/benchmarks.md says what each measures.`,
  );
  process.exitCode = name === undefined ? 2 : 0;
} else if (!existsSync(join(FOLDER, `${name}.js`))) {
  console.error(`There is no benchmark "${name}". Benchmarks: ${names.join(', ')}`);
  process.exitCode = 2;
} else {
  process.exitCode =
    spawnSync(process.execPath, [join(FOLDER, `${name}.js`), ...args], { stdio: 'inherit' }).status ?? 1;
}
