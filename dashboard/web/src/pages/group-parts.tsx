// SPDX-License-Identifier: MIT
// What the overview, the list of groups and the page of one group say in the same words.
import type { Group } from '../api/schema.ts';
import { formatCount } from '../lib/format.ts';
import { State } from '../ui/icon.tsx';

/** An event that waits this long in a handler's hands is worth a look. */
const STUCK_MS = 300_000;

/** Within one process there are subscriptions only; a shared store knows its members. */
function isRead({ members, subscriptions }: Group): boolean {
  return members.length === 0 ? subscriptions.length > 0 : members.some((member) => member.alive);
}

export function GroupState({ group }: { group: Group }) {
  if (group.paused) return <State tone="warn">paused</State>;
  if (group.blocked > 0) return <State tone="bad">blocked</State>;
  if (!isRead(group)) return <State tone="bad">no members</State>;
  if (group.oldestPendingAt && Date.now() - group.oldestPendingAt > STUCK_MS)
    return <State tone="warn">stuck</State>;
  return <State tone="ok">running</State>;
}

/** Unknown is not zero: the reason stands in the title and on the page of the group. */
export function lagOf({
  lag,
  lagReason,
  lagExact,
}: {
  lag: number | null;
  lagReason?: string | null;
  lagExact: boolean;
}) {
  if (lag === null) {
    return (
      <span class="muted" title={lagReason ?? 'The store does not know.'}>
        unknown
      </span>
    );
  }
  return lagExact ? formatCount(lag) : `~${formatCount(lag)}`;
}
