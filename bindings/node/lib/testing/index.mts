// SPDX-License-Identifier: MIT
// The same module for `import`: one instance, whichever way it is loaded.

export * from './index.js';
