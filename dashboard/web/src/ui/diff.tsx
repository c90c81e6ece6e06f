// SPDX-License-Identifier: MIT
// What changed between two texts, line by line.
import { diffLines, hunks } from '../lib/diff.ts';

const SIGNS = { same: ' ', added: '+', removed: '\u2212' };
const WORDS = { same: '', added: 'added: ', removed: 'removed: ' };

/** `before` and `after` are formatted texts; `name` says what they are. */
export function Diff({ before, after, name }: { before: string; after: string; name: string }) {
  const lines = hunks(diffLines(before, after));
  const changed = lines.some((line) => line && line.kind !== 'same');
  return (
    <section aria-label={name}>
      <p class="meta">
        {changed ? 'Changes, line by line, of the formatted texts.' : 'Only white space changed.'}
      </p>
      <div class="code diff" tabIndex={0} role="group" aria-label="Changed lines">
        <table>
          <tbody>
            {lines.map((line, index) => (
              <tr key={index} class={line?.kind ?? 'left-out'}>
                <td class="line-number">{line ? line.before : ''}</td>
                <td class="line-number">{line ? line.after : ''}</td>
                <td class="sign" aria-hidden="true">
                  {line ? SIGNS[line.kind] : ''}
                </td>
                <td>
                  {line && <span class="offscreen">{WORDS[line.kind]}</span>}
                  {line ? line.text : '\u2026'}
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
    </section>
  );
}
