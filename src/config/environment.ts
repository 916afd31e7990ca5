import type { Environment } from './settings.js';

/** The process's environment. Read it once, at the start of a command. */
export const processEnvironment = (): Environment => process.env;
