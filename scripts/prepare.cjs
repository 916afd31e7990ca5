'use strict';
// Installs and builds what is missing or out of date; a second run finds nothing to do.
// Runs before anything is installed, and on older Nodes than the service: no dependencies, no new syntax.
const { spawn, spawnSync } = require('node:child_process');
const { createHash } = require('node:crypto');
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');

const ROOT = path.resolve(__dirname, '..');
const OLDEST_NODE = 18;
const INSTALL_STAMP = inRoot('node_modules/.tidemark-install');
const BUILD_STAMP = inRoot('dist/.tidemark-build');
const BUILD_INPUTS = [
  'src',
  'migrations',
  'tsconfig.json',
  'nest-cli.json',
  'package.json',
  'package-lock.json',
];
const LOCAL_BIN = inRoot('node_modules/.bin');
const LOCK = inRoot('.prepare.lock');
const LOCK_MAX_AGE_MS = 30 * 60 * 1000;
const LOCK_POLL_MS = 250;

/** A failure whose message is all that the reader needs. */
class PrepareError extends Error {}

function inRoot(name) {
  return path.join(ROOT, name);
}

function say(line) {
  console.error(`tidemark: ${line}`);
}

async function main() {
  if (Number.parseInt(process.versions.node, 10) < OLDEST_NODE) {
    throw new PrepareError(
      `Node ${process.version} is too old to install with: use Node ${OLDEST_NODE} or newer.`,
    );
  }
  if (whyInstall() === undefined && whyBuild() === undefined) return checkRuntime();
  await withLock(async () => {
    const installReason = whyInstall();
    if (installReason !== undefined) await install(installReason);
    checkRuntime();
    const buildReason = whyBuild();
    if (buildReason !== undefined) await build(buildReason);
  });
}

// ---- install

/** Undefined when node_modules is what package-lock.json asks for. */
function whyInstall() {
  if (!fs.existsSync(inRoot('node_modules'))) return 'node_modules is missing';
  const wanted = hashOf([inRoot('package-lock.json')]);
  if (readText(INSTALL_STAMP) === wanted) return undefined;
  if (!installedAsLocked()) return 'node_modules does not agree with package-lock.json';
  fs.writeFileSync(INSTALL_STAMP, wanted);
  return undefined;
}

/** Compares npm's own record of what it installed, so that an npm ci or install done by hand counts. */
function installedAsLocked() {
  const locked = readPackages(inRoot('package-lock.json'));
  const installed = readPackages(inRoot('node_modules/.package-lock.json'));
  if (locked === undefined || installed === undefined) return false;
  return Object.keys(locked).every((name) => {
    if (name === '') return true;
    const there = installed[name];
    if (there === undefined) return locked[name].optional === true || locked[name].devOptional === true;
    return there.version === locked[name].version && there.integrity === locked[name].integrity;
  });
}

function readPackages(file) {
  try {
    return JSON.parse(fs.readFileSync(file, 'utf8')).packages;
  } catch {
    return undefined;
  }
}

async function install(reason) {
  say(`${reason}: running npm ci`);
  const wanted = hashOf([inRoot('package-lock.json')]);
  // Development dependencies bring the runtime and the compiler, also where NODE_ENV is production.
  await run(
    'npm',
    [
      'ci',
      '--include=dev',
      '--include=optional',
      '--loglevel=error',
      '--no-audit',
      '--no-fund',
      '--no-update-notifier',
    ],
    // Not with the Node of the folder that npm ci is about to remove.
    withPath(otherPaths()),
    'npm ci failed. Its messages are above. It needs the npm registry (or a mirror, or a filled npm cache), ' +
      'and Linux or macOS on x64 or arm64.',
  );
  fs.writeFileSync(INSTALL_STAMP, wanted);
}

/** The runtime comes from npm too, by an install script, which some npm settings switch off. */
function checkRuntime() {
  const { version } = JSON.parse(fs.readFileSync(inRoot('node_modules/node/package.json'), 'utf8'));
  const found = spawnSync(path.join(LOCAL_BIN, 'node'), ['--version'], { encoding: 'utf8' });
  if (found.status === 0 && found.stdout.trim() === `v${version}`) return;
  const problem =
    (found.error && found.error.message) || `it answers "${(found.stdout || found.stderr || '').trim()}"`;
  throw new PrepareError(
    `node_modules/.bin/node is not the Node ${version} that the service needs (${problem}).\n` +
      'The install script of the package "node" has not run: npm is set to run no scripts, or it could not ' +
      'download.\nRun: npm rebuild node --ignore-scripts=false --foreground-scripts',
  );
}

// ---- build

/** Undefined when dist/ was built from the sources as they are. */
function whyBuild() {
  const built = readText(BUILD_STAMP);
  if (built === undefined || !fs.existsSync(inRoot('dist/src/main.js'))) return 'there is no complete build';
  return built === hashOf(buildInputs()) ? undefined : 'the sources have changed since the last build';
}

function buildInputs() {
  return BUILD_INPUTS.flatMap((name) => filesBelow(inRoot(name))).filter(
    (file) => !file.endsWith('.spec.ts'),
  );
}

async function build(reason) {
  say(`${reason}: running npm run build`);
  const hash = hashOf(buildInputs());
  await run(
    'npm',
    ['run', 'build', '--silent', '--no-update-notifier'],
    withPath([LOCAL_BIN, ...otherPaths()]),
    'The build failed. Its messages are above.',
  );
  if (!fs.existsSync(inRoot('dist/src/main.js')))
    throw new PrepareError('The build wrote no dist/src/main.js.');
  fs.writeFileSync(BUILD_STAMP, hash);
}

// ---- one at a time

async function withLock(work) {
  let waiting = false;
  while (!takeLock()) {
    if (!waiting)
      say(`waiting for process ${readText(LOCK) || 'unknown'}, which is installing or building here`);
    waiting = true;
    await new Promise((resolve) => setTimeout(resolve, LOCK_POLL_MS));
  }
  try {
    await work();
  } finally {
    fs.rmSync(LOCK, { force: true });
  }
}

function takeLock() {
  if (isLockStale()) fs.rmSync(LOCK, { force: true });
  try {
    fs.writeFileSync(LOCK, String(process.pid), { flag: 'wx' });
    return true;
  } catch (error) {
    if (error.code !== 'EEXIST')
      throw new PrepareError(`The checkout cannot be written to: ${error.message}`);
  }
  return false;
}

function isLockStale() {
  try {
    const madeAt = fs.statSync(LOCK).mtimeMs;
    const pid = Number.parseInt(readText(LOCK), 10);
    const bootedAt = Date.now() - os.uptime() * 1000;
    if (madeAt < bootedAt || Date.now() - madeAt > LOCK_MAX_AGE_MS) return true;
    // The file is there for a moment before its content is.
    return Number.isNaN(pid) ? Date.now() - madeAt > 10 * LOCK_POLL_MS : !isAlive(pid);
  } catch {
    return false;
  }
}

function isAlive(pid) {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return error.code === 'EPERM';
  }
}

// ---- tools

function run(command, args, env, failure) {
  return new Promise((resolve, reject) => {
    const windows = process.platform === 'win32';
    const child = spawn(command, args, { cwd: ROOT, env, stdio: ['ignore', 2, 2], shell: windows });
    // The child ends first, so that the lock covers all that it does.
    const forward = (signal) => child.kill(signal);
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, forward);
    child.once('error', (error) =>
      reject(new PrepareError(`${command} could not be started: ${error.message}`)),
    );
    child.once('close', (code, signal) => {
      for (const each of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.off(each, forward);
      if (code === 0) resolve();
      else if (signal !== null) reject(new PrepareError(`${command} was ended by ${signal}.`));
      else reject(new PrepareError(failure));
    });
  });
}

function otherPaths() {
  const tail = path.join('node_modules', '.bin');
  return (process.env.PATH || '').split(path.delimiter).filter((entry) => !entry.endsWith(tail));
}

function withPath(entries) {
  return Object.assign({}, process.env, { PATH: entries.join(path.delimiter) });
}

function filesBelow(name) {
  const stat = fs.statSync(name, { throwIfNoEntry: false });
  if (stat === undefined) return [];
  if (!stat.isDirectory()) return [name];
  return fs
    .readdirSync(name)
    .sort()
    .flatMap((entry) => filesBelow(path.join(name, entry)));
}

function hashOf(files) {
  const hash = createHash('sha256');
  for (const file of files)
    hash
      .update(`${path.relative(ROOT, file)}\0`)
      .update(fs.readFileSync(file))
      .update('\0');
  return hash.digest('hex');
}

function readText(file) {
  try {
    return fs.readFileSync(file, 'utf8').trim();
  } catch {
    return undefined;
  }
}

main().catch((error) => {
  say(error instanceof PrepareError ? error.message : error.stack);
  process.exitCode = 1;
});
