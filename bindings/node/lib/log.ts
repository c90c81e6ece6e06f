// SPDX-License-Identifier: MIT
// What the library has to say beside its results goes to the diagnostics channel `libevents`, as
// {level, message}; an error that nobody listens for becomes a warning of the process.

import { channel } from 'node:diagnostics_channel';

const listeners = channel('libevents');

export function log(level: string, message: string): void {
  if (listeners.hasSubscribers) listeners.publish({ level, message });
  else if (level === 'error') process.emitWarning(message, 'libevents');
}
