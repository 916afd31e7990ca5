import { renderDocsPage } from './docs-page.js';

describe('renderDocsPage', () => {
  it('shows calls, fields and examples, escaped', () => {
    const text = renderDocsPage({
      openapi: '3.0.0',
      info: { title: 'A<b>', version: '1' },
      paths: {
        '/v1/things/{id}': {
          post: {
            operationId: 'makeThing',
            summary: 'Make "it"',
            parameters: [
              { name: 'id', in: 'path', required: true, schema: { type: 'string', maxLength: 3 } },
            ],
            requestBody: {
              content: {
                'application/json': { schema: { $ref: '#/components/schemas/Thing' }, example: { a: '<i>' } },
              },
            },
            responses: { '201': { description: 'Made.' } },
          },
        },
      },
      components: {
        schemas: {
          Thing: {
            type: 'object',
            required: ['a'],
            properties: {
              a: { type: 'string', enum: ['x', 'y'] },
              b: { type: 'array', items: { type: 'integer' } },
            },
          },
        },
      },
    });
    expect(text).toContain('<title>A&#60;b&#62; API</title>');
    expect(text).toContain('id="makeThing"');
    expect(text).toContain('POST /v1/things/{id}');
    expect(text).toContain('<a href="#schema-Thing">Thing</a>');
    expect(text).toContain('one of &#34;x&#34;, &#34;y&#34;');
    expect(text).toContain('array of integer');
    expect(text).not.toContain('<i>');
  });
});
