import type { INestApplicationContext } from '@nestjs/common';
import { AppError } from './kernel/index.js';
import { FIRST_TABLE, type FirstTenant } from './embedded/index.js';
import { TablesService } from './modules/tables/index.js';
import {
  ApiKeysService,
  KEY_ROLES,
  TENANT_ALREADY_EXISTS,
  TenantsService,
  type KeyRole,
} from './modules/tenancy/index.js';

const TENANT_ID = 'demo';

/** The tenant of the embedded default, with its keys and a table to try. May run again after a crash half way. */
export async function createFirstTenant(app: INestApplicationContext): Promise<FirstTenant> {
  await unlessThere(() =>
    app.get(TenantsService, { strict: false }).create({ tenantId: TENANT_ID, name: 'Demo' }),
  );
  const keys = app.get(ApiKeysService, { strict: false });
  const issue = async (name: string, roles: readonly KeyRole[]) =>
    (await keys.create(TENANT_ID, { name, roles: [...roles] })).key;
  const first = {
    tenant: TENANT_ID,
    keys: {
      writer: await issue('writer', ['ingest_writer']),
      reader: await issue('reader', ['query_reader']),
      admin: await issue('admin', KEY_ROLES),
    },
  };
  await unlessThere(() =>
    app
      .get(TablesService, { strict: false })
      .create(TENANT_ID, { tableName: FIRST_TABLE.name, columns: FIRST_TABLE.columns }, 'embedded'),
  );
  return first;
}

async function unlessThere(create: () => Promise<unknown>): Promise<void> {
  try {
    await create();
  } catch (error) {
    const there =
      error instanceof AppError &&
      (error.spec === TENANT_ALREADY_EXISTS || error.code === 'TABLE_ALREADY_EXISTS');
    if (!there) throw error;
  }
}
