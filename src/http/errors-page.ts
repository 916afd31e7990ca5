import type { ErrorSpec } from '../kernel/index.js';
import { html, page } from './html.js';
import { STATUS_OF } from './problem-status.js';

/** The page that the `type` of every problem points into. */
export function renderErrorsPage(specs: readonly ErrorSpec[]): string {
  const sections = specs.map(
    (spec) =>
      html`<section id="${spec.code}">
        <h2><code>${spec.code}</code></h2>
        <p>
          <strong>${spec.title}</strong> (${STATUS_OF[spec.code]},
          ${spec.retryable ? 'may be retried' : 'do not retry'})
        </p>
        <p>${spec.cause}</p>
        <p>${spec.action}</p>
      </section>`,
  );
  return page(
    'Tidemark errors',
    html`<h1>Errors</h1>
      <p><a href="/docs">API</a></p>
      ${sections}`,
  );
}
