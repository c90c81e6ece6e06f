// SPDX-License-Identifier: MIT
// The resolve hook of register.mjs: what a program's own folders do not have is looked for beside this file.
// One that a program installed itself comes first.

const own = new URL('./libevents/package.json', import.meta.url).href;

function isOurs(specifier) {
  return specifier === 'libevents' || specifier.startsWith('libevents/');
}

export async function resolve(specifier, context, next) {
  if (!isOurs(specifier)) return next(specifier, context);
  try {
    return await next(specifier, context);
  } catch {
    return next(specifier, { ...context, parentURL: own });
  }
}

export function resolveSync(specifier, context, next) {
  if (!isOurs(specifier)) return next(specifier, context);
  try {
    return next(specifier, context);
  } catch {
    return next(specifier, { ...context, parentURL: own });
  }
}
