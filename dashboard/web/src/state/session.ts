// SPDX-License-Identifier: MIT
// Who looks, and what they may do.
import type { Permission, Session } from '../api/schema.ts';
import { Store, useStore } from './store.ts';

export const session = new Store<Session | null>(null);

export function useSession(): Session | null {
  return useStore(session);
}

/** Why an action is not possible now, for people; null where it is. */
export function useObstacle(permission: Permission): string | null {
  const current = useSession();
  if (!current) return 'Loading what you may do.';
  if (current.readOnly) return 'This dashboard is read-only.';
  if (!current.permissions.includes(permission)) return `You lack the permission ${permission}.`;
  return null;
}

/** The user for `curl -u`, where the server asks for credentials. */
export function curlUser(): string | null {
  return session.value?.mode === 'credentials' ? session.value.actor : null;
}
