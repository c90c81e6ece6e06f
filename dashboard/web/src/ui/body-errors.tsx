// SPDX-License-Identifier: MIT
// What is wrong with a body by its schema: where, and why.
import type { BodyVerdict } from '../api/schema.ts';
import { formatCount } from '../lib/format.ts';
import { Note } from './states.tsx';

export function BodyErrors({ verdict }: { verdict: BodyVerdict }) {
  const { errors, more, type, version } = verdict;
  const count = `${formatCount(errors.length)}${more ? ' or more' : ''}`;
  return (
    <Note tone="bad">
      <p>
        Not valid by the schema of <span class="mono break">{type}</span> {version}: {count}{' '}
        {errors.length === 1 ? 'fault' : 'faults'}.
      </p>
      <ul class="faults">
        {errors.map(({ instancePath, message, schemaPath }, index) => (
          <li key={index}>
            <span class="mono break">{instancePath || '/'}</span>: {message}{' '}
            <span class="meta mono break">{schemaPath}</span>
          </li>
        ))}
      </ul>
    </Note>
  );
}
