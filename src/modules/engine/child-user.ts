import type { ChildUser } from './children/protocol.js';

/** By convention nobody, who owns no files. */
const NOBODY: ChildUser = { uid: 65534, gid: 65534 };

/** Whom children become that meet tenants' SQL. Only root can make them someone else: else they stay the service's user. */
export function unprivilegedUser(): ChildUser | undefined {
  return process.getuid?.() === 0 ? NOBODY : undefined;
}
