// SPDX-License-Identifier: MIT
// A call of the API as a line for a shell.

export type Call = { method: 'GET' | 'POST' | 'PATCH'; url: string; body?: unknown };

export function quoteShell(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`;
}

export function curlOf(call: Call, user: string | null): string {
  const parts = ['curl -sS'];
  if (user !== null) parts.push(`-u ${quoteShell(user)}`);
  if (call.method !== 'GET') {
    parts.push(`-X ${call.method}`, "-H 'Content-Type: application/json'");
    parts.push(`--data-raw ${quoteShell(JSON.stringify(call.body ?? {}))}`);
  }
  parts.push(quoteShell(call.url));
  return parts.join(' ');
}
