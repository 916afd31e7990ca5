import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { dirname, relative, resolve } from 'node:path';

/** A committed file that is made from the code. */
export interface GeneratedFile {
  /** Relative to the working directory. */
  readonly path: string;
  readonly text: string;
}

/**
 * Writes the files, or with `--check` compares them and sets the exit code to 1 where one is out of date. With any other
 * argument it says how it is used, and writes nothing.
 */
export async function writeOrCheck(
  files: readonly GeneratedFile[],
  args: readonly string[],
  command: string,
): Promise<void> {
  const check = args.includes('--check');
  if (args.some((arg) => arg !== '--check')) {
    const help = args.includes('--help') || args.includes('-h');
    const names = files.map(({ path }) => path).join(' and ');
    const usage = `Usage: ${command} [-- --check]\n\nWrites ${names}; with --check it only says whether they are up to date.\n`;
    (help ? process.stdout : process.stderr).write(usage);
    process.exitCode = help ? 0 : 2;
    return;
  }
  for (const { path, text } of files) {
    const shown = relative(process.cwd(), resolve(path));
    if (!check) {
      await mkdir(dirname(path), { recursive: true });
      await writeFile(path, text);
      console.log(`wrote ${shown}`);
      continue;
    }
    const difference = firstDifference(await readFile(path, 'utf8').catch(() => ''), text);
    if (difference === undefined) continue;
    console.error(
      `${shown} is not what the code says. Run \`${command}\` and commit the result.\n${difference}`,
    );
    process.exitCode = 1;
  }
}

/** The first line that differs, as a hint; undefined when the texts are the same. */
export function firstDifference(committed: string, generated: string): string | undefined {
  if (committed === generated) return undefined;
  const was = committed.split('\n');
  const is = generated.split('\n');
  const line = is.findIndex((text, index) => text !== was[index]);
  const at = line === -1 ? is.length : line;
  return `line ${at + 1}:\n- ${was[at] ?? '(the end)'}\n+ ${is[at] ?? '(the end)'}`;
}
