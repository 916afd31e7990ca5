import { Controller, Get, HttpException, Param, Post, Res } from '@nestjs/common';
import { IsArray, IsIn, IsInt, IsOptional, IsString, Max, Min, ValidateNested } from 'class-validator';
import { Type } from 'class-transformer';
import type { FastifyReply } from 'fastify';
import {
  decodeCursor,
  dtoBody,
  dtoQuery,
  FlagText,
  IntegerText,
  pageOf,
  PageQuery,
  type HttpTimeouts,
} from '../../src/http/index.js';
import { AppError, DEPENDENCY_UNAVAILABLE, SERVER_BUSY } from '../../src/kernel/index.js';
import { startHttpApp, type HttpApp } from './http-app.js';

class ColumnDto {
  @IsString()
  name!: string;

  @IsOptional()
  @IsInt()
  @Min(1)
  size?: number;
}

class TableDto {
  @IsString()
  table_name!: string;

  @IsOptional()
  @IsIn(['strict', 'evolve'])
  mode?: string;

  @IsArray()
  @ValidateNested({ each: true })
  @Type(() => ColumnDto)
  columns!: ColumnDto[];
}

class ListQuery extends PageQuery {
  @IsOptional()
  @IntegerText()
  @IsInt()
  @Max(9)
  depth?: number;

  @IsOptional()
  @FlagText()
  @IsIn([true, false])
  deep?: boolean;
}

/** What `GET /v1/rows` pages through. */
export const ROWS = ['a', 'b', 'c', 'd', 'e'];

@Controller('/v1')
class TrialController {
  @Post('tables')
  create(@dtoBody(TableDto) body: TableDto) {
    return { made: body instanceof TableDto && body.columns[0] instanceof ColumnDto };
  }

  @Get('rows')
  rows(@dtoQuery(ListQuery) query: ListQuery) {
    const after = decodeCursor(
      'rows',
      query.cursor,
      (p): p is [string] => typeof p[0] === 'string' && p.length === 1,
    );
    const from = after === undefined ? 0 : ROWS.indexOf(after[0]) + 1;
    const page = pageOf('rows', ROWS.slice(from, from + query.limit + 1), query.limit, (row) => [row]);
    return { rows: page.rows, next_cursor: page.next_cursor, deep: query.deep };
  }

  @Get('fail/:kind')
  fail(@Param('kind') kind: string): never {
    if (kind === 'app') throw new AppError(SERVER_BUSY, 'Full.', { retryAfterMs: 1200, context: { a: 1 } });
    if (kind === 'nest') throw new HttpException('secret', 403);
    if (kind === 'down') throw Object.assign(new Error('connect'), { code: 'ECONNREFUSED' });
    if (kind === 'outage') throw new AppError(DEPENDENCY_UNAVAILABLE, 'Away.');
    throw new Error('a secret of ours');
  }

  @Get('slow')
  async slow(@Res() reply: FastifyReply) {
    held.arrived();
    await held.released;
    void reply.send({ slow: true });
  }
}

/** Of `GET /v1/slow`: resolves `waiting` when a request has come, and answers it after `release`. */
export const held = (() => {
  let arrived = () => undefined as void;
  let release = () => undefined as void;
  return {
    waiting: new Promise<void>((resolve) => (arrived = resolve)),
    released: new Promise<void>((resolve) => (release = resolve)),
    arrived: () => arrived(),
    release: () => release(),
  };
})();

interface TrialAnswer {
  readonly response: Response;
  readonly status: number;
  readonly body: Record<string, unknown>;
}

/** An application with endpoints that take, page, fail and hang, for what the HTTP layer does around them. */
export interface TrialApp extends HttpApp {
  get(path: string, init?: RequestInit): Promise<TrialAnswer>;
  /** A POST, with the violations that a refusal names. */
  create(
    body: unknown,
  ): Promise<TrialAnswer & { violations: { path: string; message: string }[] | undefined }>;
}

export async function startTrialApp(timeouts: Partial<HttpTimeouts> = {}): Promise<TrialApp> {
  const http = await startHttpApp({ controllers: [TrialController], timeouts });
  const get: TrialApp['get'] = async (path, init) => {
    const response = await fetch(http.url(path), init);
    const text = await response.text();
    return {
      response,
      status: response.status,
      body: (text === '' ? {} : JSON.parse(text)) as Record<string, unknown>,
    };
  };
  return {
    ...http,
    get,
    create: async (body) => {
      const answer = await get('/v1/tables', {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify(body),
      });
      const context = answer.body.context as { violations?: { path: string; message: string }[] } | undefined;
      return { ...answer, violations: context?.violations };
    },
  };
}
