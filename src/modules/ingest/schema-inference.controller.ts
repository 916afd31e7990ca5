import { Body, Controller, HttpCode, HttpStatus, Inject, Post } from '@nestjs/common';
import { ApiOkResponse, ApiOperation, ApiTags } from '@nestjs/swagger';
import { dtoQuery, type IngestBody } from '../../http/index.js';
import { Caller, Roles, type CallerIdentity } from '../tenancy/index.js';
import { SAMPLE_BODY } from './ingest.openapi.js';
import { InferenceDto, InferenceQuery, toInferenceDto } from './schema-inference.dto.js';
import { SchemaInference } from './schema-inference.service.js';

@ApiTags('tables')
@Controller('v1/tables/infer')
export class SchemaInferenceController {
  constructor(@Inject(SchemaInference) private readonly inference: SchemaInference) {}

  @Post()
  @HttpCode(HttpStatus.OK)
  @Roles('table_admin')
  @ApiOperation({
    operationId: 'inferSchema',
    summary: 'Say what would be made of a sample',
    description:
      'A dry run: nothing is stored. The sample is a body of ingest, JSON or NDJSON, compressed or not; keys are not needed.',
    requestBody: SAMPLE_BODY,
  })
  @ApiOkResponse({ type: InferenceDto })
  async infer(
    @Caller() { tenantId }: CallerIdentity,
    @dtoQuery(InferenceQuery) { table, evolution_mode }: InferenceQuery,
    @Body() body: IngestBody,
  ): Promise<InferenceDto> {
    const request = {
      tenantId,
      body,
      tableName: table ?? undefined,
      evolutionMode: evolution_mode ?? undefined,
    };
    return toInferenceDto(await this.inference.infer(request));
  }
}
